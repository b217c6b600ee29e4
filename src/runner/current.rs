//! Which connection what is sent belongs to: the one whose picture the engine has committed last. It goes out on that one
//! or not at all, so that no message of an older connection is sent on a newer one.

/// The connection that is open, and the one that was welcomed. `S` is what the open one is written to.
#[derive(Debug)]
pub(crate) struct Current<S> {
    open: Option<(u64, S)>,
    welcome: u64,
}

impl<S> Default for Current<S> {
    fn default() -> Self {
        Current { open: None, welcome: 0 }
    }
}

impl<S> Current<S> {
    /// A connection has opened.
    pub(crate) fn opened(&mut self, connection: u64, stream: S) {
        self.open = Some((connection, stream));
    }

    /// It has ended.
    pub(crate) fn closed(&mut self) {
        self.open = None;
    }

    /// The picture of this connection is committed.
    pub(crate) fn welcome(&mut self, connection: u64) {
        self.welcome = connection;
    }

    /// The connection that what is sent now belongs to.
    pub(crate) fn stamp(&self) -> u64 {
        self.welcome
    }

    /// Where what belongs to that connection is written to; nowhere if it is not the one that is open.
    pub(crate) fn way_of(&self, stamp: u64) -> Option<&S> {
        self.open.as_ref().filter(|(open, _)| *open == stamp).map(|(_, stream)| stream)
    }

    /// The open one, whatever belongs to it.
    pub(crate) fn stream(&self) -> Option<&S> {
        self.open.as_ref().map(|(_, stream)| stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_goes_out_on_the_connection_that_was_welcomed_or_not_at_all() {
        let mut current = Current::default();
        assert_eq!(current.way_of(current.stamp()), None);
        current.opened(1, 'a');
        assert_eq!((current.way_of(current.stamp()), current.stream()), (None, Some(&'a')));
        current.welcome(1);
        let stamp = current.stamp();
        assert_eq!(current.way_of(stamp), Some(&'a'));
        current.closed();
        assert_eq!((current.way_of(stamp), current.stream()), (None, None));
        current.opened(2, 'b');
        assert_eq!((current.way_of(stamp), current.way_of(current.stamp())), (None, None));
        current.welcome(2);
        assert_eq!((current.way_of(stamp), current.way_of(current.stamp())), (None, Some(&'b')));
    }
}
