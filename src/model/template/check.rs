//! What can be known of a template before it is rendered: that it can be read, that it names only what is there at its
//! place, and that it uses nothing that this language does not have. Every problem is found at once.

use minijinja::machinery::ast::{self, Expr, Stmt};
use minijinja::machinery::{Span, parse, parse_expr};

use super::filters::{FILTERS, TESTS};
use super::{explain, is_template, syntax};
use crate::model::invalid::Fault;
use crate::model::nearest::did_you_mean;

/// What a template may name at its place.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The place, as a sentence names it.
    pub place: &'a str,
    /// The job's parameters; without it there are none at this place.
    pub params: Option<&'a [&'a str]>,
    /// The tasks that have ended; without it there are none at this place.
    pub tasks: Option<Tasks<'a>>,
    /// An attempt is being prepared.
    pub has_attempt: bool,
}

/// The tasks that a template may name.
#[derive(Clone, Copy, Debug)]
pub struct Tasks<'a> {
    /// All tasks of the job.
    pub all: &'a [&'a str],
    /// Those that have certainly ended.
    pub before: &'a [&'a str],
    /// Why the others have not, as in "does not come before `x`".
    pub otherwise: &'a str,
}

const LATER: &[&str] = &["trigger", "item", "state"];
const OF_TASK: &[&str] = &["output", "outputs", "state", "exit_code"];
const OF_RUN: &[&str] = &["id", "job", "number", "cause", "attempt"];
const LITERALLY: &str = "text that is no template is kept by `raw = true` in its task";

/// Everything that is wrong with `text` at a place of that scope; places are bytes of `text`.
pub fn check(text: &str, scope: &Scope<'_>) -> Vec<Fault> {
    if !is_template(text) {
        return Vec::new();
    }
    let tree = match parse(text, "", syntax()) {
        Ok(tree) => tree,
        Err(error) => {
            let at = error.range().filter(|range| text.get(range.clone()).is_some());
            let at = at.map_or((0, text.len()), |range| (range.start, range.end));
            let what = error.detail().map_or_else(|| explain(text, &error), str::to_owned);
            let message = format!("the template in {} cannot be read: {what}", scope.place);
            return vec![Fault::new(at, message).hint(LITERALLY)];
        }
    };
    let mut walk = Walk { scope, locals: Vec::new(), faults: Vec::new() };
    walk.statement(&tree);
    walk.faults.sort_by_key(|fault| fault.at.0);
    walk.faults
}

/// The same of a condition: an expression by itself, without `{{` and `}}`.
pub fn check_condition(text: &str, scope: &Scope<'_>) -> Vec<Fault> {
    let tree = match parse_expr(text) {
        Ok(tree) => tree,
        Err(error) => {
            let what = error.detail().map_or_else(|| explain(text, &error), str::to_owned);
            let at = error.range().filter(|range| text.get(range.clone()).is_some());
            let at = at.map_or((0, text.len()), |range| (range.start, range.end));
            let fault = Fault::new(at, format!("{} cannot be read: {what}", scope.place));
            let way = "write the expression alone, as in \"params.n > 3\"";
            return vec![if is_template(text) { fault.hint(way) } else { fault }];
        }
    };
    let mut walk = Walk { scope, locals: Vec::new(), faults: Vec::new() };
    walk.expression(&tree);
    walk.faults.sort_by_key(|fault| fault.at.0);
    walk.faults
}

struct Walk<'a> {
    scope: &'a Scope<'a>,
    /// What `for` has named.
    locals: Vec<String>,
    faults: Vec<Fault>,
}

fn place(span: Span) -> (usize, usize) {
    (span.start_offset as usize, span.end_offset as usize)
}

impl Walk<'_> {
    fn fault(&mut self, span: Span, message: impl Into<String>, hint: Option<String>) {
        let fault = Fault::new(place(span), message);
        self.faults.push(match hint {
            Some(hint) => fault.hint(hint),
            None => fault,
        });
    }

    fn statements(&mut self, statements: &[Stmt<'_>]) {
        statements.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::IfCond(branch) => {
                self.expression(&branch.expr);
                self.statements(&branch.true_body);
                self.statements(&branch.false_body);
            }
            Stmt::ForLoop(each) => self.each(each, each.span()),
            Stmt::EmitRaw(_) | Stmt::Continue(_) | Stmt::Break(_) => {}
            Stmt::WithBlock(block) => self.refuse("with", block.span()),
            Stmt::Set(block) => self.refuse("set", block.span()),
            Stmt::SetBlock(block) => self.refuse("set", block.span()),
            Stmt::AutoEscape(block) => self.refuse("autoescape", block.span()),
            Stmt::FilterBlock(block) => self.refuse("filter", block.span()),
            Stmt::Do(block) => self.refuse("do", block.span()),
        }
    }

    fn refuse(&mut self, word: &str, span: Span) {
        let message = format!("`{{% {word} %}}` is not part of this language");
        self.fault(span, message, Some("there are `if` and `for`".to_owned()));
    }

    fn each(&mut self, each: &ast::ForLoop<'_>, span: Span) {
        if each.recursive {
            self.fault(span, "a loop cannot be recursive", None);
        }
        self.expression(&each.iter);
        let n_before = self.locals.len();
        self.locals.push("loop".to_owned());
        self.name(&each.target);
        each.filter_expr.iter().for_each(|condition| self.expression(condition));
        self.statements(&each.body);
        self.locals.truncate(n_before);
        self.statements(&each.else_body);
    }

    /// What a loop names.
    fn name(&mut self, target: &Expr<'_>) {
        match target {
            Expr::Var(name) => self.locals.push(name.id.to_owned()),
            Expr::List(names) => names.items.iter().for_each(|name| self.name(name)),
            Expr::Tuple(names) => names.items.iter().for_each(|name| self.name(name)),
            Expr::Const(_)
            | Expr::Slice(_)
            | Expr::UnaryOp(_)
            | Expr::BinOp(_)
            | Expr::Compare(_)
            | Expr::IfExpr(_)
            | Expr::Filter(_)
            | Expr::Test(_)
            | Expr::GetAttr(_)
            | Expr::GetItem(_)
            | Expr::Call(_)
            | Expr::Map(_) => {}
        }
    }

    fn expression(&mut self, expression: &Expr<'_>) {
        match expression {
            // table
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => self.path(expression),
            Expr::Const(_) => {}
            Expr::Slice(slice) => {
                self.expression(&slice.expr);
                [&slice.start, &slice.stop, &slice.step].into_iter().flatten().for_each(|part| self.expression(part));
            }
            Expr::UnaryOp(operation) => self.expression(&operation.expr),
            Expr::BinOp(operation) => {
                if matches!(operation.op, ast::BinOpKind::Mul) {
                    // It would repeat texts and lists too, up to 100 MB of them.
                    let hint = "numbers are multiplied by a filter, as in `params.n | times(2)`";
                    self.fault(operation.span(), "a template has no `*`", Some(hint.to_owned()));
                }
                self.expression(&operation.left);
                self.expression(&operation.right);
            }
            Expr::Compare(compare) => {
                self.expression(&compare.expr);
                compare.ops.iter().for_each(|operation| self.expression(&operation.expr));
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr);
                self.expression(&choice.true_expr);
                choice.false_expr.iter().for_each(|otherwise| self.expression(otherwise));
            }
            Expr::Filter(filter) => {
                filter.expr.iter().for_each(|value| self.expression(value));
                self.arguments(&filter.args);
                if !FILTERS.contains(&filter.name) {
                    let hint = did_you_mean(filter.name, FILTERS);
                    let hint = hint.or_else(|| Some(format!("there are {}", FILTERS.join(", "))));
                    self.fault(filter.span(), format!("there is no filter `{}`", filter.name), hint);
                }
            }
            Expr::Test(test) => {
                self.expression(&test.expr);
                self.arguments(&test.args);
                if !TESTS.contains(&test.name) {
                    let hint = did_you_mean(test.name, TESTS);
                    self.fault(test.span(), format!("there is no test `{}`", test.name), hint);
                }
            }
            Expr::Call(call) => {
                self.arguments(&call.args);
                let hint = "a filter takes its value from the left, as in `scheduled_at | date`";
                self.fault(call.span(), "a template calls no functions", Some(hint.to_owned()));
            }
            Expr::List(list) => list.items.iter().for_each(|item| self.expression(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.expression(item)),
            Expr::Map(map) => map.keys.iter().chain(&map.values).for_each(|part| self.expression(part)),
        }
    }

    fn arguments(&mut self, arguments: &[ast::CallArg<'_>]) {
        for argument in arguments {
            match argument {
                ast::CallArg::Pos(value)
                | ast::CallArg::Kwarg(_, value)
                | ast::CallArg::PosSplat(value)
                | ast::CallArg::KwargSplat(value) => self.expression(value),
            }
        }
    }

    /// A name and what is reached through it.
    fn path(&mut self, expression: &Expr<'_>) {
        let mut names = Vec::new();
        let Some(root) = self.reach(expression, &mut names) else { return };
        if self.locals.iter().any(|local| local == root) {
            return;
        }
        let span = whole(expression);
        let mut names = names.into_iter().map(|name| name.unwrap_or_default());
        let (first, second) = (names.next(), names.next());
        let named = |name: &Option<String>| name.as_deref().filter(|name| !name.is_empty()).map(str::to_owned);
        let (first, second) = (named(&first), named(&second));
        match root {
            "params" => self.of_params(first.as_deref(), span),
            "tasks" => self.of_tasks(first.as_deref(), second.as_deref(), span),
            "run" => self.of_run(first.as_deref(), span),
            "scheduled_at" => {}
            _ if LATER.contains(&root) => {
                self.fault(span, format!("`{root}` in a template is not supported by this version"), None);
            }
            _ => {
                let known = self.known();
                let hint = did_you_mean(root, &known)
                    .unwrap_or_else(|| format!("{} knows {}; {LITERALLY}", self.scope.place, quoted(&known)));
                self.fault(span, format!("a template knows no `{root}`"), Some(hint));
            }
        }
    }

    /// The name that `expression` begins with, and the names after it; one that is only known later is nothing. What is
    /// no chain of names is looked at by itself.
    fn reach<'e>(&mut self, expression: &'e Expr<'_>, names: &mut Vec<Option<String>>) -> Option<&'e str> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "anything else is an expression of its own")]
        match expression {
            Expr::Var(name) => Some(name.id),
            Expr::GetAttr(attribute) => {
                let root = self.reach(&attribute.expr, names);
                names.push(Some(attribute.name.to_owned()));
                root
            }
            Expr::GetItem(item) => {
                let root = self.reach(&item.expr, names);
                match &item.subscript_expr {
                    Expr::Const(constant) => names.push(constant.value.as_str().map(str::to_owned)),
                    other => {
                        self.expression(other);
                        names.push(None);
                    }
                }
                root
            }
            other => {
                self.expression(other);
                None
            }
        }
    }

    fn known(&self) -> Vec<&'static str> {
        let params = self.scope.params.map(|_| "params");
        let tasks = self.scope.tasks.map(|_| "tasks");
        params.into_iter().chain(tasks).chain(["run", "scheduled_at"]).collect()
    }

    fn not_here(&mut self, root: &str, span: Span) {
        let message = format!("`{root}` has no value in {}", self.scope.place);
        let hint = format!("it knows {}", quoted(&self.known()));
        self.fault(span, message, Some(hint));
    }

    fn of_params(&mut self, name: Option<&str>, span: Span) {
        let Some(params) = self.scope.params else { return self.not_here("params", span) };
        let Some(name) = name.filter(|name| !params.contains(name)) else { return };
        let hint = did_you_mean(name, params).unwrap_or_else(|| format!("declare it as `[params.{name}]`"));
        self.fault(span, format!("the job has no parameter `{name}`"), Some(hint));
    }

    fn of_tasks(&mut self, name: Option<&str>, field: Option<&str>, span: Span) {
        let Some(tasks) = self.scope.tasks else { return self.not_here("tasks", span) };
        // Which tasks a text is about can be seen before it is rendered: no more than those are read for it.
        let Some(name) = name else {
            let hint = "name one, as in `tasks.extract.output` or `tasks[\"a-b\"].state`".to_owned();
            return self.fault(span, "`tasks` is used without the name of a task", Some(hint));
        };
        if !tasks.all.contains(&name) {
            let longer =
                tasks.all.iter().find(|task| task.strip_prefix(name).is_some_and(|rest| rest.starts_with(['-', '.'])));
            let hint = match longer {
                Some(task) => Some(format!("write `tasks[\"{task}\"]`")),
                None => did_you_mean(name, tasks.all),
            };
            return self.fault(span, format!("there is no task `{name}`"), hint);
        }
        if !tasks.before.contains(&name) {
            let hint = "a task sees what it comes `after`, and what those come after".to_owned();
            return self.fault(span, format!("task `{name}` {}", tasks.otherwise), Some(hint));
        }
        if let Some(field) = field.filter(|field| !OF_TASK.contains(field)) {
            let hint = did_you_mean(field, OF_TASK).unwrap_or_else(|| format!("it has {}", quoted(OF_TASK)));
            self.fault(span, format!("a task has no `{field}`"), Some(hint));
        }
    }

    fn of_run(&mut self, name: Option<&str>, span: Span) {
        let known = if self.scope.has_attempt { OF_RUN } else { &OF_RUN[..OF_RUN.len() - 1] };
        let Some(name) = name.filter(|name| !known.contains(name)) else { return };
        if OF_RUN.contains(&name) {
            return self.not_here(&format!("run.{name}"), span);
        }
        let hint = did_you_mean(name, known).unwrap_or_else(|| format!("it has {}", quoted(known)));
        self.fault(span, format!("a run has no `{name}`"), Some(hint));
    }
}

/// From the first of a chain of names to the last: the parser's own place of a chain begins at its last dot.
fn whole(expression: &Expr<'_>) -> Span {
    #[expect(clippy::wildcard_enum_match_arm, reason = "anything else is no chain")]
    let first = match expression {
        Expr::GetAttr(attribute) => whole(&attribute.expr),
        Expr::GetItem(item) => whole(&item.expr),
        other => return other.span(),
    };
    Span {
        start_line: first.start_line,
        start_col: first.start_col,
        start_offset: first.start_offset,
        ..expression.span()
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
