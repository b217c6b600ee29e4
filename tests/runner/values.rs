//! The named values that processes leave.

use campanile::model::exit::{Exit, ExitKind};

use super::world::World;

fn left(world: &mut World, script: &str) -> Exit {
    let launch = world.launch(&["/bin/sh", "-c", script], |process| process.may_leave_outputs = true);
    world.exit(launch)
}

#[test]
fn values_are_read_at_the_end_and_the_file_goes() {
    let mut world = World::new();
    let exit = left(
        &mut world,
        "echo rows=12 >> $CAMPANILE_OUTPUT; printf 'text<<E\\na\\nb\\nE\\n' >> $CAMPANILE_OUTPUT; exit 3",
    );
    assert_eq!((exit.kind, exit.outputs_error.as_deref()), (ExitKind::Code(3), None));
    assert_eq!((exit.outputs["rows"].as_str(), exit.outputs["text"].as_str()), ("12", "a\nb"));
    assert_eq!(std::fs::read_dir(world.state_dir().join("run/outputs")).unwrap().count(), 0);
    let exit = left(&mut world, "stat -c %a $(dirname $CAMPANILE_OUTPUT)");
    assert_eq!((exit.output.as_str(), exit.outputs.len(), exit.outputs_error), ("700\n", 0, None));
    let launch = world.sh("echo ${CAMPANILE_OUTPUT-unset}");
    assert_eq!(world.exit(launch).output, "unset\n", "who may leave none is told of no place");
}

#[test]
fn what_is_no_plain_file_of_values_is_dropped_and_the_code_is_what_it_was() {
    let mut world = World::new();
    for (script, expected) in [
        ("ln -s /etc/passwd $CAMPANILE_OUTPUT", "`CAMPANILE_OUTPUT` is a link"),
        ("mkfifo $CAMPANILE_OUTPUT", "`CAMPANILE_OUTPUT` is not a regular file"),
        ("mkdir $CAMPANILE_OUTPUT; touch $CAMPANILE_OUTPUT/x", "`CAMPANILE_OUTPUT` is not a regular file"),
        ("head -c 100000000 /dev/zero > $CAMPANILE_OUTPUT", "`CAMPANILE_OUTPUT` is larger than 64 KiB"),
        ("printf 'a=\\377' > $CAMPANILE_OUTPUT", "`CAMPANILE_OUTPUT` is not UTF-8"),
        (
            "printf 'a=1\\nhello' > $CAMPANILE_OUTPUT",
            "`CAMPANILE_OUTPUT`, line 2: it is neither `name=value` nor `name<<END`",
        ),
    ] {
        let exit = left(&mut world, script);
        assert_eq!((exit.kind, exit.outputs.len()), (ExitKind::Code(0), 0), "{script}");
        assert_eq!(exit.outputs_error.as_deref(), Some(expected), "{script}");
    }
    assert_eq!(std::fs::read_dir(world.state_dir().join("run/outputs")).unwrap().count(), 0, "all of it goes");
}
