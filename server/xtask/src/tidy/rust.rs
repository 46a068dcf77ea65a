//! Rules about Rust sources that need their syntax: length of functions, names of modules, queries built from text,
//! rights decided beside the table.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::{Finding, roles};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const MODULE_NAMES_BANNED: [&str; 4] = ["util", "common", "misc", "helpers"];

/// The one place that decides rights.
const POLICY: &str = "server/control/src/policy.rs";

/// Checks one source file.
pub fn check(name: &str, content: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = content.lines().count();
    if lines > FILE_LINES_MAX {
        findings.push(Finding::new(name, format!("{lines} lines: at most {FILE_LINES_MAX}")));
    }
    let words = name.trim_end_matches(".rs").split('/');
    findings.extend(
        words.filter_map(banned).map(|word| Finding::new(name, format!("no module is called {word}"))),
    );
    if name.ends_with("/mod.rs") {
        findings.push(Finding::new(name, "a module is `foo.rs` beside `foo/`"));
    }
    match syn::parse_file(content) {
        Ok(file) => {
            let mut visitor = Visitor { name, findings };
            visitor.visit_file(&file);
            visitor.findings
        }
        Err(error) => {
            findings.push(Finding::at(name, error.span().start().line, format!("is no Rust: {error}")));
            findings
        }
    }
}

fn banned(name: &str) -> Option<&'static str> {
    MODULE_NAMES_BANNED.into_iter().find(|word| *word == name || name.strip_suffix('s') == Some(word))
}

struct Visitor<'a> {
    name: &'a str,
    findings: Vec<Finding>,
}

impl Visitor<'_> {
    /// Counts from the signature to the closing bracket: attributes and documentation are free.
    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let begin = signature.span().start().line;
        let lines = block.span().end().line - begin + 1;
        if lines > FUNCTION_LINES_MAX {
            let text = format!("fn {} has {lines} lines: at most {FUNCTION_LINES_MAX}", signature.ident);
            self.findings.push(Finding::at(self.name, begin, text));
        }
    }

    /// A role is compared on this line.
    fn role(&mut self, line: usize) {
        if self.name != POLICY {
            let text = "rights are decided in policy.rs: ask it instead of comparing roles";
            self.findings.push(Finding::at(self.name, line, text));
        }
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if let Some(word) = banned(&item.ident.to_string()) {
            let line = item.ident.span().start().line;
            self.findings.push(Finding::at(self.name, line, format!("no module is called {word}")));
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "query" {
            let mut formats = Formats { lines: Vec::new() };
            call.args.iter().for_each(|argument| formats.visit_expr(argument));
            let text = "a query is never put together with format!: bind values instead";
            self.findings.extend(formats.lines.iter().map(|line| Finding::at(self.name, *line, text)));
        }
        if call.method == "contains" && lists_role(&call.receiver) {
            self.role(call.span().start().line);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        use syn::BinOp::{Eq, Ge, Gt, Le, Lt, Ne};
        let compares = matches!(binary.op, Eq(_) | Ge(_) | Gt(_) | Le(_) | Lt(_) | Ne(_));
        if compares && (is_role(&binary.left) || is_role(&binary.right)) {
            self.role(binary.span().start().line);
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_macro(&mut self, found: &'ast syn::Macro) {
        for line in roles::compared(found) {
            self.role(line);
        }
        visit::visit_macro(self, found);
    }
}

/// True for a list that is written out and names a role.
fn lists_role(receiver: &syn::Expr) -> bool {
    match receiver {
        syn::Expr::Array(list) => list.elems.iter().any(is_role),
        syn::Expr::Reference(reference) => lists_role(&reference.expr),
        syn::Expr::Paren(paren) => lists_role(&paren.expr),
        _ => false,
    }
}

/// True for `Role::Admin` and the like, with or without what stands before it.
fn is_role(side: &syn::Expr) -> bool {
    match side {
        syn::Expr::Path(path) => {
            let segments: Vec<_> = path.path.segments.iter().rev().take(2).collect();
            matches!(segments.as_slice(), [_, kind] if kind.ident == "Role")
        }
        syn::Expr::Reference(reference) => is_role(&reference.expr),
        syn::Expr::Paren(paren) => is_role(&paren.expr),
        _ => false,
    }
}

/// Finds `format!` anywhere in an argument.
struct Formats {
    lines: Vec<usize>,
}

impl<'ast> Visit<'ast> for Formats {
    fn visit_macro(&mut self, found: &'ast syn::Macro) {
        if found.path.segments.last().is_some_and(|segment| segment.ident == "format") {
            self.lines.push(found.span().start().line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str, content: &str) -> Vec<String> {
        check(name, content)
            .into_iter()
            .map(|finding| format!("{}: {}", finding.place, finding.text))
            .collect()
    }

    #[test]
    fn long_files_and_functions() {
        assert!(texts("a.rs", &"// line\n".repeat(500)).is_empty());
        assert_eq!(texts("a.rs", &"// line\n".repeat(501)), ["a.rs: 501 lines: at most 500"]);
        let function = |lines: usize| format!("/// Doc.\nfn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2));
        assert!(texts("a.rs", &function(70)).is_empty());
        assert_eq!(texts("a.rs", &function(71)), ["a.rs:2: fn f has 71 lines: at most 70"]);
        let method = format!("struct A;\nimpl A {{\n{}}}\n", function(71));
        assert_eq!(texts("a.rs", &method), ["a.rs:4: fn f has 71 lines: at most 70"]);
    }

    #[test]
    fn names_that_say_nothing() {
        for name in ["app/src/util.rs", "app/src/common/x.rs", "app/src/helpers.rs", "app/src/utils.rs"] {
            assert_eq!(texts(name, "").len(), 1, "{name}");
        }
        assert_eq!(texts("a.rs", "mod misc {}").len(), 1);
        assert_eq!(texts("a/mod.rs", "").len(), 1);
        assert!(texts("app/src/utility.rs", "mod commons_vote {}").is_empty());
    }

    #[test]
    fn queries_from_text() {
        let check = |argument: &str, expect| {
            let content = format!("fn f() {{ db.query({argument}).bind(1); }}");
            assert_eq!(texts("a.rs", &content).len(), expect, "{argument}");
        };
        check(r#"format!("SELECT {x}")"#, 1);
        check(r#"&std::format!("SELECT {x}")"#, 1);
        check(r#"String::from(format!("SELECT {x}"))"#, 1);
        check(r#""SELECT * FROM $x""#, 0);
        assert!(texts("a.rs", r#"fn f() { let a = format!("{x}"); }"#).is_empty());
    }

    #[test]
    fn rights_beside_the_table() {
        let check = |name: &str, condition: &str, expect| {
            let content = format!("fn f() -> bool {{ {condition} }}");
            assert_eq!(texts(name, &content).len(), expect, "{condition}");
        };
        check("a.rs", "user.role >= Role::Operator", 1);
        check("a.rs", "Some(&role) == Some(&x) && &domain::permission::Role::Admin != &role", 1);
        check("a.rs", "(Role::User) < role || role == (Role::User)", 2);
        check(POLICY, "role == Role::Admin", 0);
        check("a.rs", "Role::parse(text) == other && kind == Kind::Role", 0);
        check("a.rs", "[Role::Admin, Role::Operator].contains(&role)", 1);
        check("a.rs", "matches!(role, Role::Admin)", 1);
        check("a.rs", "!matches!(who.role(), Some(domain::permission::Role::Admin | Role::Operator))", 1);
        check(POLICY, "matches!(role, Role::Admin) || [Role::Admin].contains(&role)", 0);
        check("a.rs", "matches!(of(Role::Admin), Some(_)) && Role::ALL.is_empty()", 0);
        check("a.rs", "match role { Role::Admin => true, Role::Operator | Role::User => false }", 0);
    }

    #[test]
    fn rights_in_the_views_of_pages() {
        let check = |view: &str, expect| {
            let content = format!("fn f() -> AnyView {{ view! {{ {view} }} }}");
            assert_eq!(texts("a.rs", &content).len(), expect, "{view}");
        };
        check("<Show when=move || me.role == Role::Admin>x</Show>", 1);
        check("<p>{(&domain::permission::Role::User != &role).then(word)}</p>", 1);
        check("<p>{move || Role::Operator <= role.get()}</p>", 1);
        check("<p>{matches!(role, Role::Admin).then(word)}</p>", 1);
        check("<p>{[Role::Admin].contains(&role).then(word)}</p>", 1);
        check("<p>{match role { Role::Admin => a, Role::Operator | Role::User => b }}</p>", 0);
        check("<Badge role=Role::Admin>x</Badge>", 0);
        check("<p title=\"role == Role::Admin\">{words(Role::Admin)}</p>", 0);
    }

    #[test]
    fn what_does_not_parse() {
        assert_eq!(texts("a.rs", "fn {").len(), 1);
    }
}
