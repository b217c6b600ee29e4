//! Generated pages of `docs/`: a test holds each to what the code says, and `just docs` writes them anew.

use std::path::Path;

/// Fails unless the page at `path`, below the project, is `text`; with `CAMPANILE_WRITE_DOCS` set it is made so.
pub(crate) fn hold(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if crate::environment::var("CAMPANILE_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(file.parent().expect("because a page is in a folder")).expect("docs can be written");
        std::fs::write(&file, text).expect("docs can be written");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == text, "{path} is stale; run `just docs`");
}
