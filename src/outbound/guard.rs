//! Which URLs may be called: the guard against requests forged on behalf of others (SSRF).
//!
//! A URL is checked before it is used, and each address that its host name stands for is checked when the name is
//! resolved; the connection goes to those addresses and is not resolved again, so an answer that changes between check
//! and use (DNS rebinding) changes nothing. One bad address refuses the whole name. A literal address is read by the
//! `url` crate as browsers read it (`0x7f.1` and `2130706433` are 127.0.0.1) and is checked here, because literals are
//! never resolved. IPv6 forms that carry an IPv4 address are judged by what they carry.
//!
//! Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its updates).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// How far a URL is trusted, by where it was written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Trust {
    /// In the configuration or a job file: whoever wrote it can run commands here anyway.
    Files {
        /// Link-local addresses, among them those of cloud metadata services, may be called too.
        allow_private: bool,
    },
    /// It came through the API: public addresses only.
    Api,
}

/// What an address is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Range {
    /// Anybody's, on the internet.
    Public,
    /// Of a local network.
    Private,
    /// This machine.
    Loopback,
    /// Of the wire itself, and every address at which clouds hand out credentials.
    LinkLocal,
    /// Nobody's: unspecified, multicast, documentation, reserved.
    Reserved,
}

/// Why a URL may not be called. It names no address, since the URL itself may be a secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Blocked {
    /// It cannot be read.
    #[error("the URL cannot be read: {0}")]
    NotAUrl(url::ParseError),
    /// Only the web's schemes are spoken.
    #[error("the URL is neither `http` nor `https`")]
    Scheme,
    /// A password in a URL ends in logs.
    #[error("the URL has a user name or password; give them in a header")]
    UserInfo,
    /// Link-local, and not asked for.
    #[error("the address is link-local, which needs `allow_private`")]
    LinkLocal,
    /// Not on the internet, where nothing else is allowed.
    #[error("the address is not public")]
    NotPublic,
    /// No receiver can have it.
    #[error("the address is reserved and has no receiver")]
    Reserved,
    /// The name stands for nothing.
    #[error("the host name has no address")]
    NoAddress,
}

/// Reads a URL and refuses one that may not be called, as far as can be told before its host name is resolved.
pub fn check_url(text: &str, trust: Trust) -> Result<Url, Blocked> {
    let url = Url::parse(text).map_err(Blocked::NotAUrl)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Blocked::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Blocked::UserInfo);
    }
    match url.host() {
        Some(Host::Ipv4(address)) => check_addresses([address.into()], trust)?,
        Some(Host::Ipv6(address)) => check_addresses([address.into()], trust)?,
        Some(Host::Domain(_)) => {}
        None => return Err(Blocked::NotAUrl(url::ParseError::EmptyHost)),
    }
    Ok(url)
}

/// Refuses unless there are addresses and every one of them may be called.
pub fn check_addresses(addresses: impl IntoIterator<Item = IpAddr>, trust: Trust) -> Result<(), Blocked> {
    let mut n_checked = 0;
    for address in addresses {
        n_checked += 1;
        match (range(address), trust) {
            (Range::Public, _) => {}
            (Range::Reserved, _) => return Err(Blocked::Reserved),
            (Range::Private | Range::Loopback | Range::LinkLocal, Trust::Api) => return Err(Blocked::NotPublic),
            (Range::Private | Range::Loopback, Trust::Files { .. }) => {}
            (Range::LinkLocal, Trust::Files { allow_private: true }) => {}
            (Range::LinkLocal, Trust::Files { allow_private: false }) => return Err(Blocked::LinkLocal),
        }
    }
    if n_checked == 0 { Err(Blocked::NoAddress) } else { Ok(()) }
}

/// What `address` is for.
pub fn range(address: IpAddr) -> Range {
    match address {
        IpAddr::V4(address) => range_v4(address),
        IpAddr::V6(address) => range_v6(address),
    }
}

fn range_v4(address: Ipv4Addr) -> Range {
    match address.octets() {
        // Metadata services of Azure and Alibaba Cloud, which do not keep to link-local addresses.
        [168, 63, 129, 16] | [100, 100, 100, 200] => Range::LinkLocal,
        [0, ..] => Range::Reserved,
        [127, ..] => Range::Loopback,
        [169, 254, ..] => Range::LinkLocal,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] | [198, 18..=19, ..] => Range::Private,
        [192, 0, 0, 192] => Range::LinkLocal, // the metadata service of Oracle Cloud
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 51, 100, _] | [203, 0, 113, _] => Range::Reserved,
        [224..=255, ..] => Range::Reserved,
        _ => Range::Public,
    }
}

fn range_v6(address: Ipv6Addr) -> Range {
    let carried = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        range_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Range::Reserved,
        [0, 0, 0, 0, 0, 0, 0, 1] => Range::Loopback,
        // Metadata services of AWS and Google Cloud, within the unique local range.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Range::LinkLocal,
        // IPv4-compatible, IPv4-mapped, IPv4-translated, NAT64.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => carried(high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => carried(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => carried(high, low),
        // A site's own NAT64 prefix: where the IPv4 address lies within it, only that site knows.
        [0x64, 0xff9b, 1, ..] => Range::LinkLocal,
        [0x2002, high, low, ..] => carried(high, low), // 6to4
        // Teredo, benchmarking, ORCHID, documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Range::Reserved,
        [0x2000..=0x3fff, ..] => Range::Public,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Range::Private,
        [0xfe80..=0xfebf, ..] => Range::LinkLocal,
        _ => Range::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: Trust = Trust::Files { allow_private: false };
    const PRIVATE: Trust = Trust::Files { allow_private: true };

    #[test]
    fn every_special_range_is_known() {
        for (addresses, expected) in [
            ("8.8.8.8 1.1.1.1 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 192.0.1.1 198.17.0.1", Range::Public),
            ("223.255.255.255 2606:4700::1111 2001:4860:4860::8888 ::ffff:8.8.8.8 64:ff9b::808:808", Range::Public),
            ("10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.255.255 198.18.0.1", Range::Private),
            ("fc00::1 fd12:3456::1 fec0::1 ::ffff:10.0.0.1 ::10.0.0.1 64:ff9b::a00:1 2002:a00:1::1", Range::Private),
            ("127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1 ::127.0.0.1 ::ffff:0:127.0.0.1", Range::Loopback),
            ("64:ff9b::7f00:1 2002:7f00:1::1", Range::Loopback),
            ("169.254.169.254 169.254.0.1 fe80::1 febf::1 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe", Range::LinkLocal),
            ("2002:a9fe:a9fe::1 fd00:ec2::254 fd20:ce::254 168.63.129.16 100.100.100.200", Range::LinkLocal),
            ("192.0.0.192 64:ff9b:1::a00:1", Range::LinkLocal),
            ("0.0.0.0 0.1.2.3 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 192.0.2.1", Range::Reserved),
            ("198.51.100.1 203.0.113.1 192.0.0.8 192.88.99.1 :: ::ffff:0.0.0.0 ff02::1 2001::1", Range::Reserved),
            ("2001:db8::1 3fff::1 100::1 4000::1 ::ffff:224.0.0.1", Range::Reserved),
        ] {
            for address in addresses.split(' ') {
                assert_eq!(range(address.parse().unwrap()), expected, "{address}");
            }
        }
    }

    #[test]
    fn what_may_be_called_depends_on_where_the_url_was_written() {
        use Blocked as B;
        for (url, files, private, api) in [
            ("https://example.com/x?y=1", Ok(()), Ok(()), Ok(())),
            ("http://8.8.8.8:8080/", Ok(()), Ok(()), Ok(())),
            ("http://10.0.0.1/", Ok(()), Ok(()), Err(B::NotPublic)),
            ("http://127.0.0.1/", Ok(()), Ok(()), Err(B::NotPublic)),
            ("http://0x7f000001/", Ok(()), Ok(()), Err(B::NotPublic)),
            ("http://2130706433/", Ok(()), Ok(()), Err(B::NotPublic)),
            ("http://0177.1/", Ok(()), Ok(()), Err(B::NotPublic)),
            ("http://[::ffff:7f00:1]/", Ok(()), Ok(()), Err(B::NotPublic)),
            ("http://169.254.169.254/latest/meta-data/", Err(B::LinkLocal), Ok(()), Err(B::NotPublic)),
            ("http://[::ffff:169.254.169.254]/", Err(B::LinkLocal), Ok(()), Err(B::NotPublic)),
            ("http://[fe80::1]/", Err(B::LinkLocal), Ok(()), Err(B::NotPublic)),
            ("http://0.0.0.0/", Err(B::Reserved), Err(B::Reserved), Err(B::Reserved)),
            ("http://user@example.com/", Err(B::UserInfo), Err(B::UserInfo), Err(B::UserInfo)),
            ("http://:secret@example.com/", Err(B::UserInfo), Err(B::UserInfo), Err(B::UserInfo)),
            ("file:///etc/passwd", Err(B::Scheme), Err(B::Scheme), Err(B::Scheme)),
            ("gopher://example.com/", Err(B::Scheme), Err(B::Scheme), Err(B::Scheme)),
        ] {
            for (trust, expected) in [(FILES, files), (PRIVATE, private), (Trust::Api, api)] {
                assert_eq!(check_url(url, trust).map(|_| ()), expected, "{url} by {trust:?}");
            }
        }
        assert!(matches!(check_url("example.com/x", FILES), Err(B::NotAUrl(_))));
    }

    #[test]
    fn one_bad_address_refuses_the_name() {
        let mixed = ["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        assert_eq!(check_addresses(mixed, Trust::Api), Err(Blocked::NotPublic));
        assert_eq!(check_addresses(mixed, FILES), Ok(()));
        assert_eq!(check_addresses([], FILES), Err(Blocked::NoAddress));
    }
}
