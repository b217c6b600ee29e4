//! The reference pages: they explain every key that the reader knows, and their examples are good.

use campanile::files::keys::{self, Keys};

const JOB_PAGE: &str = include_str!("../../docs/reference/job-file.md");
const SETTINGS_PAGE: &str = include_str!("../../docs/reference/configuration.md");

fn check(page: &str, tables: &[&Keys]) {
    for table in tables {
        for key in table.known {
            let explained = page.lines().any(|line| {
                let head = line.strip_prefix("**").and_then(|line| line.split_once("**"));
                head.is_some_and(|(head, _)| head.split(", ").any(|name| name.trim_matches('`') == *key))
            });
            assert!(explained, "`{key}` of {} has no entry of its own in the page", table.what);
        }
    }
}

#[test]
fn every_key_of_a_job_is_explained() {
    check(JOB_PAGE, keys::OF_JOBS);
}

#[test]
fn every_key_of_the_configuration_is_explained() {
    let own = keys::OF_SETTINGS.iter().copied().filter(|table| table.what != "a hook").collect::<Vec<_>>();
    check(SETTINGS_PAGE, &own);
    assert!(SETTINGS_PAGE.contains("`jobs`"), "what hooks have here and nowhere else");
}

#[test]
fn every_example_of_the_pages_is_good() {
    for block in JOB_PAGE.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        super::check(text, &[]);
    }
    for block in SETTINGS_PAGE.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let problems = campanile::files::settings::load(file.path(), true).err().map(|invalid| invalid.problems);
        assert_eq!(problems, None, "in\n{text}");
    }
}
