//! Prints `docs/reference/command-line.md` from the words themselves, so that the page cannot say what the program does
//! not take.

use std::fmt::Write;

use clap::CommandFactory;

fn describe(command: &clap::Command, page: &mut String) {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").split_whitespace().collect::<Vec<_>>().join(" ");
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    write!(page, "\n## {name}\n\n{about}.\n\n```text\n{usage}\n```\n").expect("because text takes text");
    let inherited = |arg: &clap::Arg| arg.is_global_set() && command.get_name() != "ctl";
    let shown = |arg: &&clap::Arg| !inherited(arg) && !matches!(arg.get_id().as_str(), "help" | "version");
    let mut args = command.get_arguments().filter(shown).peekable();
    if args.peek().is_some() {
        page.push_str("\n| word | meaning |\n| --- | --- |\n");
    }
    for arg in args {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let values = arg.get_possible_values();
        let words: Vec<_> = values.iter().filter(|_| arg.get_action().takes_values()).map(|v| v.get_name()).collect();
        let choice = if words.is_empty() { String::new() } else { format!(": `{}`", words.join("`, `")) };
        writeln!(page, "| `{arg}` | {help}{choice} |").expect("because text takes text");
    }
    if let Some(examples) = command.get_after_help().map(ToString::to_string) {
        let lines = examples.lines().filter_map(|line| line.strip_prefix("  "));
        let lines = lines.map(|line| format!("{line}\n")).collect::<String>();
        write!(page, "\n```sh\n{lines}```\n").expect("because text takes text");
    }
    for below in command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set()) {
        describe(below, page);
    }
}

#[test]
fn the_page_of_the_command_line_says_what_the_words_say() {
    let mut command = super::Words::command();
    command.build();
    let mut page = "# The command line\n\nPrinted from the words themselves; `just docs` writes this page anew. \
                    [exit-codes.md](exit-codes.md) lists how commands end.\n"
        .to_owned();
    describe(&command, &mut page);
    crate::pages::hold("docs/reference/command-line.md", &page);
}
