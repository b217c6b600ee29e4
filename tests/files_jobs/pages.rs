//! The reference pages: they explain every key that the reader knows, and their examples are good.

use campanile::files::keys::{self, Keys};

use super::many::{folder, load, problems};

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
    let own = keys::OF_SETTINGS.iter().copied().filter(|table| table.what != "a hook" && table.what != "`defaults`");
    let own = own.collect::<Vec<_>>();
    check(SETTINGS_PAGE, &own);
    assert!(SETTINGS_PAGE.contains("`jobs`"), "what hooks have here and nowhere else");
    check(JOB_PAGE, &[&keys::DEFAULTS]);
    let entry = SETTINGS_PAGE.split("**`defaults`**").nth(1).unwrap().split("\n\n").next().unwrap();
    for key in keys::DEFAULTS.known {
        assert!(entry.contains(&format!("`{key}`")), "`{key}` may be a default, and its entry does not say so");
    }
}

#[test]
fn every_example_of_the_pages_is_good() {
    for end in ["toml", "yaml", "json"] {
        let blocks: Vec<&str> = JOB_PAGE.split(&format!("```{end}\n")).skip(1).collect();
        assert!(!blocks.is_empty(), "the page has an example in {end}");
        for block in blocks {
            let text = block.split("```").next().unwrap();
            let root = tempfile::tempdir().unwrap();
            let found = load(&[folder(root.path(), "d", &[(&format!("j.{end}"), text)])]);
            assert_eq!(problems(root.path(), &found), [""; 0], "in\n{text}");
            assert!(!found.jobs.is_empty(), "in\n{text}");
        }
    }
    for block in SETTINGS_PAGE.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let problems = campanile::files::settings::load(file.path(), true).err().map(|invalid| invalid.problems);
        assert_eq!(problems, None, "in\n{text}");
    }
}
