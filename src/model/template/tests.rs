//! What templates become, and what is wrong with them.

use super::*;

fn values() -> Values {
    let params = serde_json::json!({
        "day": "2027-03-28", "n": 3, "rate": 0.5, "on": true, "list": ["a", "b"], "map": { "k": "v" }
    });
    let Json::Object(params) = params else { panic!("because it was written as an object") };
    let run =
        RunFacts { id: "0193".to_owned(), job: "nightly", number: Some(7), cause: "occurrence", attempt: Some(2) };
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("because the zone data is bundled");
    let at: jiff::Timestamp = "2027-03-28T10:30:00Z".parse().expect("because this is an instant");
    let Json::Object(outputs) = serde_json::json!({ "rows": "12" }) else { panic!("because it is an object") };
    let task = |name| Finished {
        name,
        state: "completed",
        exit_code: Some(0),
        output: "two\nlines\n",
        outputs: outputs.clone(),
    };
    Values::new(&params, &run, at.to_zoned(zone), &[task("count"), task("a-b")])
}

#[test]
fn a_template_becomes_its_values() {
    let mut templates = Templates::default();
    for (text, expected) in [
        ("plain {x} 100%", "plain {x} 100%"),
        ("{{ params.day }}\n", "2027-03-28\n"),
        ("{{ params.n + 1 }} {{ params.rate }} {{ params.on }}", "4 0.5 true"),
        ("{{ params.list | join('+') }} {{ params.map.k }}", "a+b v"),
        ("{{ params.list | json }} {{ params.map | tojson }}", "[\"a\",\"b\"] {\"k\":\"v\"}"),
        (
            "{{ run.id }} {{ run.job }}#{{ run.number }} {{ run.cause }} {{ run.attempt }}",
            "0193 nightly#7 occurrence 2",
        ),
        ("{{ scheduled_at }}", "2027-03-28T12:30:00+02:00"),
        ("{{ scheduled_at | date }} {{ scheduled_at | date('%d.%m.') }}", "2027-03-28 28.03."),
        // The day before, daylight saving began: as late in the day, another offset.
        ("{{ scheduled_at | minus('1d') | datetime }}", "2027-03-27T12:30:00+01:00"),
        ("{{ scheduled_at | plus('90m') | datetime('%H:%M') }}", "14:00"),
        ("{{ '2027-01-31T23:30:00-05:00' | date }} {{ params.day | plus('7d') | date }}", "2027-01-31 2027-04-04"),
        ("[{{ tasks.count.output }}] {{ tasks['a-b'].outputs.rows }}", "[two\nlines] 12"),
        ("{{ tasks.count.state }} {{ tasks.count.exit_code }}", "completed 0"),
        ("{{ tasks.count.outputs.none | default('-') }}", "-"),
        ("{{ params.n | times(2) }} {{ params.rate | times(4) }}", "6 2.0"),
        ("{% if params.n > 2 %}many{% else %}few{% endif %}", "many"),
        ("{% for item in params.list %}{{ loop.index }}{{ item }}{% endfor %}", "1a2b"),
        ("{# nothing #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{{ params.day | replace('-', '/') | upper }}<>&\"", "2027/03/28<>&\""),
    ] {
        assert_eq!(templates.render(text, &values()), Ok(expected.to_owned()), "{text}");
        assert_eq!(templates.render(text, &values()), Ok(expected.to_owned()), "{text}, compiled before");
    }
}

#[test]
fn what_has_no_value_or_no_end_is_an_error() {
    let mut templates = Templates::default();
    for (text, expected) in [
        ("{{ tasks.count.outputs.none }}", "`tasks.count.outputs.none` has no value"),
        ("{{ params.gone }}", "`params.gone` has no value"),
        ("{% for a in params.list * 40000 %}x{{ a }}{% endfor %}", "it takes too long"),
        ("{{ 'x' * 90000 }}{{ 'x' * 90000 }}{{ 'x' * 90000 }}", "longer than 262144 bytes"),
        ("{{ 'x' | times(3) }}", "is no number"),
        ("{{ params.n | date }}", "`3` is no time"),
        ("{{ scheduled_at | plus('soon') }}", "soon"),
        ("{{ ('x' * 60000) | replace('', 'y' * 60000) }}", "the text becomes longer"),
        ("{{ now() }}", "now"),
        ("{% include 'x' %}", "unknown statement"),
    ] {
        let error = templates.render(text, &values()).expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn compiled_templates_are_bounded() {
    let mut templates = Templates::default();
    for n in 0..40 {
        let text = format!("{}{{{{ params.n }}}}{n}", "x".repeat(100_000));
        assert!(templates.render(&text, &values()).is_ok());
        assert!(templates.n_bytes <= MAX_KEPT);
    }
}

fn scope<'a>(before: &'a [&'a str]) -> Scope<'a> {
    let tasks = Tasks { all: &["count", "a-b", "late"], before, otherwise: "does not come before `x`" };
    Scope { place: "`env`", params: Some(&["day", "list"]), tasks: Some(tasks), has_attempt: true }
}

#[test]
fn problems_are_found_before_anything_is_rendered() {
    for (text, expected) in [
        ("{{ params.day | date }}{{ tasks.count.output }}{{ tasks['a-b'].outputs.x }}", &[][..]),
        ("docker ps {.State} ${x}", &[]),
        ("{{ params.dya }}", &["3: the job has no parameter `dya`; did you mean `day`?"]),
        ("x {{ tasks.cuont.output }}", &["5: there is no task `cuont`; did you mean `count`?"]),
        ("{{ tasks.late.output }}", &["3: task `late` does not come before `x`; a task sees what it comes `after`"]),
        ("{{ tasks.a-b.output }}", &["3: there is no task `a`; write `tasks[\"a-b\"]`", "11: a template knows no `b`"]),
        ("{{ tasks.count.outptu }}", &["3: a task has no `outptu`; did you mean `output`?"]),
        ("{{ run.nmber }}", &["3: a run has no `nmber`; did you mean `number`?"]),
        ("{{ trigger.body }}", &["3: `trigger` in a template is not supported by this version"]),
        ("{{ parms.day }}", &["3: a template knows no `parms`; did you mean `params`?"]),
        ("{{.State}}", &["2: the template in `env` cannot be read"]),
        ("{{ params.day | dat }}", &[": there is no filter `dat`; did you mean `date`?"]),
        ("{{ params.day | format }}", &[": there is no filter `format`; there are abs"]),
        ("{{ params.day is odx }}", &[": there is no test `odx`; did you mean `odd`?"]),
        ("{{ 'x' * 100000000 }}", &[": a template has no `*`; numbers are multiplied"]),
        ("{{ range(3) }}", &[": a template calls no functions"]),
        ("{% set a = 1 %}", &[": `{% set %}` is not part of this language"]),
        ("{% for x in params.list %}{{ x }}{{ y }}{% endfor %}", &["36: a template knows no `y`"]),
        ("{{ params.day", &["the template in `env` cannot be read"]),
        ("{% if params.day %}", &["the template in `env` cannot be read"]),
        ("{{ params.a }} {{ params.b }}", &["3: the job has no parameter `a`", "18: the job has no parameter `b`"]),
    ] {
        let found = check(text, &scope(&["count", "a-b"]));
        let found: Vec<String> = found
            .iter()
            .map(|fault| format!("{}: {}; {}", fault.at.0, fault.message, fault.hint.clone().unwrap_or_default()))
            .collect();
        assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{text}: {found}");
        }
    }
}

#[test]
fn a_place_has_only_its_scopes() {
    let narrow = Scope { place: "`default`", params: None, tasks: None, has_attempt: false };
    for (text, expected) in [
        ("{{ scheduled_at | date }} {{ run.id }}", None),
        ("{{ params.x }}", Some("`params` has no value in `default`")),
        ("{{ tasks.x.output }}", Some("`tasks` has no value in `default`")),
        ("{{ run.attempt }}", Some("`run.attempt` has no value in `default`")),
    ] {
        let found = check(text, &narrow);
        assert_eq!(found.first().map(|fault| fault.message.as_str()), expected, "{text}");
    }
}

#[test]
fn the_page_of_templates_names_every_filter() {
    let page = include_str!("../../../docs/concepts/templates.md");
    for filter in FILTERS {
        assert!(page.contains(&format!("`{filter}`")), "`{filter}` is not in docs/concepts/templates.md");
    }
}
