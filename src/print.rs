//! The one file that prints: stdout is data, stderr is talk. A reader that has gone away (`| head`) ends the program
//! quietly, as SIGPIPE would; data that cannot be written for any other reason ends it with code 1, because nobody must take
//! half an answer for a whole one.

use std::io::{ErrorKind, IsTerminal, Write};

/// Writes data, as it is.
pub fn data(text: &str) {
    let mut out = anstream::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

fn written(result: std::io::Result<()>) {
    match result {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(141),
        Err(error) => {
            talk(&format!("error: cannot write to stdout: {error}"));
            std::process::exit(1);
        }
    }
}

/// Writes data that is no text, to its end; an error is one of reading it.
pub fn stream(from: &mut impl std::io::Read) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        written(out.write_all(&buffer[..n]).and_then(|()| out.flush()));
    }
}

/// Writes one line of talk. Nobody reads an error about not being able to say an error.
pub fn talk(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Whether data goes to a terminal, where a person reads it.
pub fn shows_data_on_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether talk goes to a terminal, where a line may be drawn again.
pub fn talks_to_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Draws a line of talk over the one before, without ending it.
pub fn status_line(text: &str) {
    let mut err = anstream::stderr().lock();
    let _ = write!(err, "\r\x1b[2K{text}").and_then(|()| err.flush());
}
