//! Reads what a task takes from named pools, and holds it to the pools of the configuration where that is known.

use crate::files::reading::{Fields, Reading, item_of};
use crate::files::suggestion::suggest;
use crate::files::syntax::{Node, NodeValue, Span};
use crate::model::definition::job::is_name;
use crate::model::definition::{PoolSizes, Pools};
use crate::model::invalid::Fault;

/// The largest pool, and the most that a task may take of one.
pub(crate) const MAX_SIZE: u32 = 100_000;
/// How many pools a task may take from.
const MAX_POOLS: usize = 64;

/// The pools in `node`: a list of names, or a table of how much is taken of each.
pub(super) fn read(reading: &Reading<'_>, node: &Node) -> Option<Pools> {
    let mut pools = Pools::default();
    for (name, at, weight) in named(reading, node)? {
        if !is_name(name) {
            let message = format!("`{name}` is not a pool's name: 1 to 64 of a-z, 0-9, `_`, `.`, `-`");
            reading.fault(Fault::new(at, message));
        } else if pools.weight(name) > 0 {
            let fault = Fault::new(at, format!("`{name}` is in `pools` twice"));
            reading.fault(fault.hint(format!("to take more of it write pools = {{ {name} = 2 }}")));
        }
        pools.insert(name, weight.unwrap_or(1));
    }
    if pools.iter().count() > MAX_POOLS {
        reading.fault(Fault::new(node.span, format!("a task takes from at most {MAX_POOLS} pools")));
        return None;
    }
    Some(pools)
}

/// Each name, its place and its weight; 1 is taken of what is only named.
fn named<'n>(reading: &Reading<'_>, node: &'n Node) -> Option<Vec<(&'n str, Span, Option<u32>)>> {
    if let NodeValue::Table(entries) = &node.value {
        let weight = |node: &Node| {
            let weight = reading.integer(&item_of("pools"), node, 1..=i64::from(MAX_SIZE))?;
            u32::try_from(weight).ok()
        };
        return Some(entries.iter().map(|entry| (entry.key.as_str(), entry.key_span, weight(&entry.node))).collect());
    }
    let names = reading.texts("pools", node)?;
    Some(names.into_iter().map(|(name, node)| (name, node.span, None)).collect())
}

/// Holds all that the job and its tasks say of pools to `sizes`.
pub(super) fn check(fields: &Fields<'_>, sizes: &PoolSizes) {
    let reading = fields.reading;
    if let Some(node) = fields.get("pools") {
        check_one(reading, node, sizes);
    }
    let Some(NodeValue::Table(tasks)) = fields.get("tasks").map(|node| &node.value) else { return };
    for task in tasks {
        let NodeValue::Table(entries) = &task.node.value else { continue };
        if let Some(entry) = entries.iter().find(|entry| entry.key == "pools") {
            check_one(reading, &entry.node, sizes);
        }
    }
}

fn check_one(reading: &Reading<'_>, node: &Node, sizes: &PoolSizes) {
    // What is of another kind was told already.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds are wrong alike")]
    let named: Vec<(&str, Span, i64)> = match &node.value {
        NodeValue::Table(entries) => {
            let weight = |node: &Node| if let NodeValue::Integer(weight) = node.value { weight } else { 1 };
            entries.iter().map(|entry| (entry.key.as_str(), entry.key_span, weight(&entry.node))).collect()
        }
        NodeValue::List(items) => {
            let name = |item: &Node| matches!(item.value, NodeValue::Text(_));
            let text = |item| reading.text("pools", item);
            items.iter().filter(|item| name(item)).filter_map(|item| Some((text(item)?, item.span, 1))).collect()
        }
        _ => Vec::new(),
    };
    named.into_iter().for_each(|(name, at, weight)| check_name(reading, name, at, weight, sizes));
}

fn check_name(reading: &Reading<'_>, name: &str, at: Span, weight: i64, sizes: &PoolSizes) {
    if !is_name(name) {
        return;
    }
    match sizes.get(name) {
        Some(size) if weight <= i64::from(*size) => {}
        Some(size) => {
            let fault = Fault::new(at, format!("`{name}` is a pool of {size}, and {weight} of it are asked for"));
            reading.fault(
                fault.hint("the task would wait for ever; make the pool larger in `[pools]` of the configuration"),
            );
        }
        None => {
            let known: Vec<&str> = sizes.keys().map(String::as_str).collect();
            let fault = Fault::new(at, format!("there is no pool `{name}`"));
            let way = format!("define it in the configuration: `{name} = 1` below `[pools]`");
            let fault = suggest(fault, name, &known);
            reading.fault(if fault.hint.is_some() { fault } else { fault.hint(way) });
        }
    }
}
