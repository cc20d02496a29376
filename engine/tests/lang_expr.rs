//! Expressions: what is refused and where, absence and Kleene logic, soundness under unknowns, agreement with minijinja.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use kirikae_engine::dsl::expr::{Expr, NameError, Names, Part, Piece, Ref, Scope, Template, Tri, Why, compile, evaluate, render, scan};
use kirikae_engine::dsl::{CertInfo, Subject, Type, Value};
use kirikae_engine::text::{Diagnostic, Source, Span, Text};
use proptest::prelude::*;

/// The names of a playbook, by their type as it is written.
struct Declared(BTreeMap<Ref, Type>);

fn input(name: &str) -> Ref {
    Ref::Input(name.into())
}

fn declared() -> Declared {
    let inputs = [
        ("a", "bool"),
        ("b", "bool"),
        ("oa", "optional<bool>"),
        ("n", "int"),
        ("m", "int"),
        ("on", "optional<int>"),
        ("s", "string"),
        ("os", "optional<string>"),
        ("l", "list<string>"),
        ("code", "digits(4)"),
        ("day", "date"),
        ("at", "datetime"),
        ("words", "text"),
        ("pw", "secret<digits(4)>"),
    ];
    let mut names: BTreeMap<Ref, Type> = inputs.iter().map(|(name, ty)| (input(name), Type::parse(ty).unwrap())).collect();
    names.insert(Ref::Secret("pin".into()), Type::parse("secret<digits(4)>").unwrap());
    names.insert(Ref::Let("half".into()), Type::Int);
    names.insert(Ref::Result("status".into()), Type::parse("enum(applied, issued)").unwrap());
    names.insert(Ref::Outcome("find".into()), Type::String);
    names.insert(Ref::Output { step: "find".into(), output: "cert".into() }, Type::Cert.optional());
    names.insert(Ref::Output { step: "find".into(), output: "found".into() }, Type::Cert);
    Declared(names)
}

impl Names for Declared {
    fn type_of(&self, r: &Ref) -> Result<Type, NameError> {
        let candidates = match r {
            Ref::Input(name) if name == "explained" => vec![],
            Ref::Output { step, .. } if step == "find" => vec!["cert".into(), "found".into()],
            Ref::Output { .. } | Ref::Outcome(_) => vec!["find".into()],
            _ => vec!["code".into(), "words".into()],
        };
        let silent = *r == input("explained");
        self.0.get(r).cloned().ok_or(NameError { code: "REF.UNKNOWN", what: Text::new("ありません。", "there is none."), candidates, silent })
    }
}

fn try_compile(text: &str) -> Result<Expr, Vec<Diagnostic>> {
    compile(text, &|start, end| Span::new(start, end), &Source::new("t.yaml", text), &declared())
}

fn compiled(text: &str) -> Expr {
    try_compile(text).unwrap_or_else(|findings| panic!("{text}: {findings:#?}"))
}

/// The codes of the findings, with the text they point at.
fn refused(text: &str) -> Vec<(&'static str, &str)> {
    let findings = try_compile(text).expect_err(text);
    for finding in &findings {
        assert!(finding.what.en.is_some() && !finding.what.ja.is_empty(), "{text}");
        assert!(!finding.cure.is_empty() || finding.code == "REF.UNKNOWN", "{text}: no cure");
    }
    findings.iter().map(|finding| (finding.code, span(text, finding.place.as_ref().unwrap().span))).collect()
}

fn span(text: &str, span: Span) -> &str {
    &text[span.start..span.end]
}

/// Values of names; what is not in it is absent, what is `None` is unknown.
struct World {
    values: BTreeMap<Ref, Option<Value>>,
    zone: TimeZone,
}

impl World {
    fn new(values: impl IntoIterator<Item = (Ref, Option<Value>)>) -> Self {
        Self { values: values.into_iter().collect(), zone: TimeZone::get("Asia/Tokyo").unwrap() }
    }
}

impl Scope for World {
    fn get(&self, r: &Ref) -> Tri {
        let name = format!("{r:?}");
        match self.values.get(r) {
            Some(Some(value)) => Tri::Known(value.clone()),
            Some(None) => Tri::Unknown(declared().0.get(r).cloned().unwrap(), Why::of(name)),
            None => Tri::Absent(Why::of(name)),
        }
    }

    fn now(&self) -> Timestamp {
        "2026-11-23T00:00:00+09:00".parse().unwrap()
    }

    fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

fn cert() -> Value {
    Value::Cert(Box::new(CertInfo {
        sha1: "ab12".into(),
        sha256: "cd34".into(),
        serial: "01".into(),
        subject: Subject { cn: "0110119153".into(), o: None, ou: vec!["Clinic".into()], c: Some("JP".into()) },
        subject_dn: String::new(),
        issuer: "Root CA".into(),
        issuer_dn: String::new(),
        not_before: "2023-11-23T00:00:00Z".parse().unwrap(),
        not_after: "2026-12-01T14:59:59Z".parse().unwrap(),
        has_key: true,
        key_exportable: true,
        key_protected: false,
        holder: "dir:x".into(),
        friendly_name: None,
        hc_role: None,
    }))
}

fn world() -> World {
    World::new([
        (input("a"), Some(Value::Bool(true))),
        (input("b"), None),
        (input("n"), Some(Value::Int(7))),
        (input("m"), None),
        (input("s"), Some(Value::Str("Root CA - 01".into()))),
        (input("l"), Some(Value::List(vec![Value::Str("x".into()), Value::Str("y".into())]))),
        (input("code"), Some(Value::Str("0123".into()))),
        (input("day"), Some(Value::Date("2026-11-23".parse().unwrap()))),
        (input("at"), Some(Value::DateTime("2026-11-22T15:30:00Z".parse().unwrap()))),
        (Ref::Output { step: "find".into(), output: "cert".into() }, Some(cert())),
    ])
}

/// `?` unknown, `-` absent, else the value as JSON.
fn value_of(text: &str) -> String {
    match evaluate(&compiled(text), &world()) {
        Tri::Known(value) => value.to_json().to_string(),
        Tri::Unknown(..) => "?".into(),
        Tri::Absent(_) => "-".into(),
    }
}

#[test]
fn everything_outside_the_language_is_refused_where_it_stands() {
    for (text, code, at) in [
        ("inputs.l[0] == 'x'", "EXPR.INDEX", "[0]"),
        ("inputs.l.0 == 'x'", "EXPR.INDEX", "inputs.l.0"),
        ("inputs.l[1:2] == []", "EXPR.SLICE", "[1:2]"),
        ("inputs.s ~ 'x'", "EXPR.OPERATOR", "~"),
        ("inputs.n * 2", "EXPR.OPERATOR", "*"),
        ("inputs.n / 2", "EXPR.OPERATOR", "/"),
        ("inputs.n // 2", "EXPR.OPERATOR", "//"),
        ("inputs.n % 2", "EXPR.OPERATOR", "%"),
        ("inputs.n ** 2", "EXPR.OPERATOR", "**"),
        ("inputs.l == {'a': 1}", "EXPR.MAP", "{"),
        ("inputs.s | default(value='x')", "EXPR.KWARGS", "default(value='x'"),
        ("1 < inputs.n < 3", "EXPR.CHAINED", "1 < inputs.n < 3"),
        ("inputs.s == none", "EXPR.NONE", "none"),
        ("inputs.s == 'a' 'b'", "EXPR.ADJACENT", "'b'"),
        ("inputs.s == 0123", "EXPR.LEADING_ZERO", "0123"),
        ("inputs.n == 1.5", "EXPR.NUMBER", "1.5"),
        ("inputs.n == 99999999999999999999", "EXPR.NUMBER", "99999999999999999999"),
        ("inputs.a == True", "EXPR.BOOL", "True"),
        ("not inputs.l", "EXPR.NOT_BOOL", "inputs.l"),
        ("inputs.a and inputs.n", "EXPR.NOT_BOOL", "inputs.n"),
        ("1 if inputs.s else 2", "EXPR.NOT_BOOL", "inputs.s"),
        ("1 if inputs.a", "EXPR.NO_ELSE", "1 if inputs.a"),
        ("inputs.s | lowr == 'x'", "EXPR.FILTER", "lowr"),
        ("inputs.s | default", "EXPR.ARGUMENTS", "default"),
        ("inputs.s is defined", "EXPR.TEST", "defined"),
        ("dat('2026-11-23') == inputs.day", "EXPR.FUNCTION", "dat"),
        ("inputs.s.x() == 'x'", "EXPR.CALL", "inputs.s.x"),
        ("inputs.day == date('2026-13-01')", "EXPR.LITERAL", "'2026-13-01'"),
        ("inputs.at < datetime('today')", "EXPR.LITERAL", "'today'"),
        ("inputs.day | plus('12h')", "EXPR.LITERAL", "'12h'"),
        ("inputs.at | plus(7)", "EXPR.LITERAL", "7"),
        ("${{ inputs.a }}", "EXPR.BRACES", "${{"),
        ("inputs.a and ${{ inputs.b }}", "EXPR.BRACES", "${{"),
        ("result.status == 'isued'", "EXPR.ENUM_WORD", "'isued'"),
        ("result.status in ['issued', 'gone']", "EXPR.ENUM_WORD", "'gone'"),
        ("inputs.n == 'x'", "TYPE.MISMATCH", "inputs.n == 'x'"),
        ("inputs.day < inputs.at", "TYPE.MISMATCH", "inputs.day < inputs.at"),
        ("inputs.day + 7", "TYPE.MISMATCH", "inputs.day"),
        ("'x' in inputs.s", "TYPE.MISMATCH", "inputs.s"),
        ("steps.find.found == steps.find.found", "TYPE.MISMATCH", "steps.find.found == steps.find.found"),
        ("inputs.s < 'b'", "EXPR.ORDER", "inputs.s < 'b'"),
        ("secrets.pin == '1234'", "EXPR.SECRET", "secrets.pin"),
        ("inputs.pw | default('1234')", "EXPR.SECRET", "inputs.pw"),
        ("steps.find.cert.days", "EXPR.ATTRIBUTE", "days"),
        ("steps.find", "EXPR.INCOMPLETE", "steps.find"),
        ("inputs", "EXPR.INCOMPLETE", "inputs"),
        ("input.n > 1", "EXPR.ROOT", "input"),
        ("half > 1", "EXPR.NAME", "half"),
        ("result.status == issued", "EXPR.NAME", "issued"),
        ("inputs.cod == '1'", "REF.UNKNOWN", "cod"),
        ("steps.fnd.outcome == 'changed'", "REF.UNKNOWN", "fnd"),
        ("inputs.a = true", "EXPR.ASSIGN", "="),
        ("inputs.a || inputs.b", "EXPR.SYNTAX", "|"),
        ("inputs.a && inputs.b", "EXPR.CHARACTER", "&"),
        ("inputs.n ＞ 3", "EXPR.CHARACTER", "＞"),
        ("inputs.n > ", "EXPR.SYNTAX", ""),
        ("(inputs.n > 3", "EXPR.SYNTAX", ""),
        ("inputs.a inputs.b", "EXPR.SYNTAX", "inputs"),
        ("inputs.s == 'x", "EXPR.QUOTE", "'x"),
        ("inputs.l == ('a', 'b')", "EXPR.TUPLE", "('a', 'b')"),
        ("  ", "EXPR.EMPTY", "  "),
    ] {
        assert_eq!(refused(text), [(code, at)], "{text}");
    }
}

#[test]
fn all_findings_of_an_expression_are_told_and_explained_ones_are_not() {
    assert_eq!(refused("input.n > 1 and inputs.l"), [("EXPR.ROOT", "input"), ("EXPR.NOT_BOOL", "inputs.l")]);
    assert_eq!(refused("inputs.explained > 1"), []);
    let fix = |text: &str| try_compile(text).unwrap_err()[0].fix.clone().map(|fix| (span(text, fix.span).to_owned(), fix.text));
    assert_eq!(fix("inputs.cod == '1'"), Some(("cod".into(), "code".into())));
    assert_eq!(fix("input.n > 1"), Some(("input".into(), "inputs".into())));
    assert_eq!(fix("half > 1"), Some(("half".into(), "let.half".into())));
    assert_eq!(fix("result.status == 'isued'"), Some(("'isued'".into(), "'issued'".into())));
    assert_eq!(fix("inputs.s | lowr"), Some(("lowr".into(), "lower".into())));
}

#[test]
fn hostile_input_is_refused_on_a_small_stack() {
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let tried = small.spawn(|| {
        for piece in ["-", "not ", "(", "[", "{", "1+", "1 if true else ", "a.", "'a'", "x|", "x is ", "not(", "-(", "\u{0}", "あ", "${{"] {
            for count in [17, 60, 255, 1_000, 100_000] {
                let text = piece.repeat(count);
                assert!(try_compile(&text).is_err(), "{piece} x {count}");
            }
        }
        for (head, piece) in
            [("inputs.n", "+1"), ("true", " and true"), ("inputs.s", "|lower"), ("inputs.n", " if true else inputs.n"), ("inputs.s", " | default('x')")]
        {
            for count in 1..=130 {
                match try_compile(&format!("{head}{}", piece.repeat(count))) {
                    Ok(expr) => assert!(evaluate(&expr, &world()).known().is_some()),
                    Err(findings) => assert!(count > 30, "{piece} x {count}: {findings:?}"),
                }
            }
        }
        assert_eq!(refused(&"(".repeat(20)), [("EXPR.TOO_DEEP", "(")]);
        assert_eq!(refused(&"1+".repeat(200))[0].0, "EXPR.TOO_MANY");
        assert_eq!(refused(&"x".repeat(1_025))[0].0, "EXPR.TOO_LONG");
    });
    tried.unwrap().join().unwrap();
}

#[test]
fn types_say_what_may_be_absent() {
    for (text, ty) in [
        ("inputs.on", "optional<int>"),
        ("inputs.on + 1", "optional<int>"),
        ("inputs.on | default(3)", "int"),
        ("inputs.on | default(inputs.on)", "optional<int>"),
        ("inputs.oa and true", "optional<bool>"),
        ("1 if inputs.oa else 2", "optional<int>"),
        ("steps.find.cert.days_left", "optional<int>"),
        ("steps.find.found.subject.o", "optional<string>"),
        ("inputs.l | first", "optional<string>"),
        ("inputs.l | default([])", "list<string>"),
        ("inputs.code == 'x'", "bool"),
        ("secrets.pin", "secret<digits(4)>"),
        ("steps.find.outcome", "enum(observed, unchanged, changed, skipped, failed, waiting, uncertain)"),
        ("inputs.day | minus('7d')", "date"),
        ("['a', 'b']", "list<string>"),
    ] {
        assert_eq!(compiled(text).ty.to_string(), ty, "{text}");
    }
}

#[test]
fn spans_start_at_the_leftmost_leaf() {
    let text = "inputs.a and steps.find.found.days_left <= inputs.n";
    let expr = compiled(text);
    assert_eq!(span(text, expr.span), text);
    let kirikae_engine::dsl::expr::Node::Binary(_, _, right) = expr.node else { panic!() };
    assert_eq!(span(text, right.span), "steps.find.found.days_left <= inputs.n");
}

#[test]
fn known_unknown_and_absent_go_through_operators() {
    // a = true, b unknown, oa absent; n = 7, m unknown, on absent
    for (text, value) in [
        ("inputs.a and inputs.b", "?"),
        ("false and inputs.b", "false"),
        ("inputs.b and false", "false"),
        ("inputs.a or inputs.b", "true"),
        ("inputs.b or true", "true"),
        ("false or inputs.b", "?"),
        ("not inputs.b", "?"),
        ("inputs.oa and false", "false"),
        ("inputs.oa and true", "-"),
        ("inputs.oa or true", "true"),
        ("false or inputs.oa", "-"),
        ("inputs.oa and inputs.b", "?"),
        ("not inputs.oa", "-"),
        ("inputs.on > 3", "-"),
        ("inputs.on == inputs.m", "-"),
        ("inputs.m == 3", "?"),
        ("inputs.on | default(4)", "4"),
        ("inputs.on | default(inputs.on)", "-"),
        ("inputs.on | default(inputs.m)", "?"),
        ("inputs.m | default(4)", "?"),
        ("inputs.n | default(inputs.m)", "7"),
        ("(inputs.on | default(4)) + 1", "5"),
        ("1 if inputs.b else 1", "1"),
        ("1 if inputs.b else 2", "?"),
        ("inputs.m if inputs.a else 2", "?"),
        ("2 if inputs.a else inputs.m", "2"),
        ("1 if inputs.oa else 1", "-"),
        ("inputs.on if inputs.b else inputs.on", "-"),
        ("inputs.s in ['x', inputs.os]", "-"),
        ("inputs.n + 9223372036854775807", "9223372036854775807"),
        ("-9223372036854775807 - inputs.n", "-9223372036854775808"),
        ("-inputs.n", "-7"),
        ("'y' in inputs.l", "true"),
        ("'z' not in inputs.l", "true"),
        ("inputs.s is glob('Root CA*')", "true"),
        ("inputs.s is not glob('Root CA')", "true"),
        ("inputs.s | lower", "\"root ca - 01\""),
        ("inputs.l | length", "2"),
        ("inputs.l | last", "\"y\""),
        ("[] | first", "-"),
        ("inputs.code == '0123'", "true"),
        ("inputs.day < date('2026-11-24')", "true"),
        ("inputs.day | plus('7d')", "\"2026-11-30\""),
        ("inputs.at | minus('12h')", "\"2026-11-22T03:30:00Z\""),
        ("date('9999-12-31') | plus('7d')", "\"9999-12-31\""),
        ("inputs.at == datetime('2026-11-23T00:30:00+09:00')", "true"),
        ("steps.find.cert.days_left", "8"),
        ("steps.find.cert.subject.o", "-"),
        ("steps.find.cert.subject.o | default('無し')", "\"無し\""),
        ("steps.find.cert.thumbprint == 'ab12'", "true"),
        ("'${{' == '${{'", "true"),
    ] {
        assert_eq!(value_of(text), value, "{text}");
    }
}

/// The state of an operand of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Known,
    Unknown,
    Absent,
}

use State::{Absent, Known, Unknown};

const STATES: [State; 3] = [Known, Unknown, Absent];

/// Values of the operands `x` and `y` in these states, of a type that has the value.
fn operands(ty: &str, value: &Value, states: &[State]) -> (Declared, World) {
    let mut declared = declared();
    let mut values = vec![];
    for (name, state) in ["x", "y", "z"].into_iter().zip(states) {
        declared.0.insert(input(name), Type::parse(ty).unwrap().optional());
        match state {
            Known => values.push((input(name), Some(value.clone()))),
            Unknown => values.push((input(name), None)),
            Absent => {}
        }
    }
    (declared, World::new(values))
}

fn state_of(text: &str, (names, world): (Declared, World)) -> State {
    struct Table(World, Declared);
    impl Scope for Table {
        fn get(&self, r: &Ref) -> Tri {
            match self.0.values.get(r) {
                Some(None) => Tri::Unknown(self.1.0[r].clone(), Why::of("u")),
                _ => self.0.get(r),
            }
        }
        fn now(&self) -> Timestamp {
            self.0.now()
        }
        fn zone(&self) -> &TimeZone {
            self.0.zone()
        }
    }
    let at = |start, end| Span::new(start, end);
    let expr = compile(text, &at, &Source::new("t.yaml", text), &names).unwrap_or_else(|findings| panic!("{text}: {findings:#?}"));
    match evaluate(&expr, &Table(world, names)) {
        Tri::Known(_) => Known,
        Tri::Unknown(ty, _) => {
            assert_eq!(ty, expr.ty, "{text}");
            Unknown
        }
        Tri::Absent(_) => Absent,
    }
}

/// Absent if one operand is, else unknown if one is.
fn strict(states: &[State]) -> State {
    [Absent, Unknown].into_iter().find(|state| states.contains(state)).unwrap_or(Known)
}

#[test]
fn every_strict_operator_filter_and_test_is_absent_with_an_absent_operand() {
    let (int, text) = (Value::Int(3), Value::Str("x".into()));
    let list = Value::List(vec![text.clone()]);
    let (day, at) = (Value::Date("2026-11-23".parse().unwrap()), Value::DateTime("2026-11-23T00:00:00Z".parse().unwrap()));
    let two = [
        ("int", &int, vec!["==", "!=", "<", "<=", ">", ">=", "+", "-"]),
        ("string", &text, vec!["==", "!="]),
        ("bool", &Value::Bool(true), vec!["==", "!="]),
        ("date", &day, vec!["==", "<", ">="]),
        ("datetime", &at, vec!["!=", "<=", ">"]),
        ("list<string>", &list, vec!["==", "!="]),
    ];
    for (ty, value, operators) in two {
        for operator in operators {
            for states in STATES.into_iter().flat_map(|x| STATES.map(|y| [x, y])) {
                let text = format!("inputs.x {operator} inputs.y");
                assert_eq!(state_of(&text, operands(ty, value, &states)), strict(&states), "{ty}: {text} {states:?}");
            }
        }
    }
    for states in STATES.into_iter().flat_map(|x| STATES.map(|y| [x, y])) {
        for test in ["inputs.x is glob(inputs.y)", "inputs.x is not glob(inputs.y)", "inputs.x in [inputs.y]", "inputs.x not in [inputs.y, 'q']"] {
            assert_eq!(state_of(test, operands("string", &text, &states)), strict(&states), "{test} {states:?}");
        }
    }
    let one = [
        ("bool", &Value::Bool(true), "not inputs.x"),
        ("int", &int, "-inputs.x"),
        ("string", &text, "inputs.x | lower"),
        ("string", &text, "inputs.x | length"),
        ("list<string>", &list, "inputs.x | length"),
        ("list<string>", &list, "inputs.x | first"),
        ("list<string>", &list, "inputs.x | last"),
        ("list<string>", &list, "'x' in inputs.x"),
        ("date", &day, "inputs.x | plus('7d')"),
        ("datetime", &at, "inputs.x | minus('12h')"),
        ("int", &int, "[inputs.x, 1]"),
        ("cert", &cert(), "inputs.x.days_left"),
        ("cert", &cert(), "inputs.x.subject.cn"),
    ];
    for (ty, value, text) in one {
        for state in STATES {
            assert_eq!(state_of(text, operands(ty, value, &[state])), state, "{ty}: {text} {state:?}");
        }
    }
    for empty in ["inputs.x | first", "inputs.x | last"] {
        assert_eq!(state_of(empty, operands("list<string>", &Value::List(vec![]), &[Known])), Absent, "{empty} of nothing");
    }
}

#[test]
fn and_or_default_and_if_by_their_tables() {
    // Rows: the left operand, columns: the right one; t f ? - in this order.
    let words = ["true", "false", "inputs.b", "inputs.oa"];
    for (operator, rows) in [("and", ["tf?-", "ffff", "?f??", "-f?-"]), ("or", ["tttt", "tf?-", "t???", "t-?-"])] {
        for (left, row) in words.iter().zip(rows) {
            for (right, wanted) in words.iter().zip(row.chars()) {
                let text = format!("{left} {operator} {right}");
                let value = value_of(&text);
                assert_eq!(value.replace("true", "t").replace("false", "f"), wanted.to_string(), "{text}");
            }
        }
    }
    for (x, rows) in [(Known, [Known, Known, Known]), (Unknown, [Unknown, Unknown, Unknown]), (Absent, [Known, Unknown, Absent])] {
        for (y, wanted) in STATES.into_iter().zip(rows) {
            let states = [x, y];
            assert_eq!(state_of("inputs.x | default(inputs.y)", operands("int", &Value::Int(3), &states)), wanted, "default {states:?}");
        }
    }
    for then in STATES {
        for otherwise in STATES {
            let state = |condition: &str| state_of(&format!("inputs.x if {condition} else inputs.y"), operands("int", &Value::Int(3), &[then, otherwise]));
            assert_eq!(state("true"), then);
            assert_eq!(state("false"), otherwise);
            assert_eq!(state("inputs.oa"), Absent, "an absent condition decides nothing");
        }
    }
    // An unknown condition: known only when it does not matter.
    for (text, wanted) in
        [("3 if inputs.b else 3", "3"), ("3 if inputs.b else 4", "?"), ("inputs.on if inputs.b else 4", "?"), ("inputs.on if inputs.b else inputs.on", "-")]
    {
        assert_eq!(value_of(text), wanted, "{text}");
    }
}

#[test]
fn reasons_are_gathered() {
    let Tri::Unknown(ty, why) = evaluate(&compiled("inputs.b and inputs.m > 1"), &world()) else { panic!() };
    assert_eq!((ty, why.0.len()), (Type::Bool, 2));
}

fn template(text: &str) -> Vec<Part> {
    let part = |piece| match piece {
        Piece::Text(text) => Part::Text(text),
        Piece::Expr { text, .. } => Part::Expr(compiled(&text)),
    };
    scan(text).unwrap().into_iter().map(part).collect()
}

#[test]
fn texts_show_values_as_people_read_them_and_never_secrets() {
    let ja = template("${{ inputs.day }}・${{ inputs.at }}・${{ inputs.l }}・${{ steps.find.cert }}・${{ inputs.on }}・${{ inputs.a }}・${{ secrets.pin }}");
    let en = template("${{ inputs.l }} ${{ inputs.m }} ${{ '${{' }}");
    let mut world = world();
    world.values.insert(Ref::Secret("pin".into()), Some(Value::DeclaredSecret("pin".into())));
    let (text, why) = render(&Template { ja, en: Some(en) }, &world);
    assert_eq!(text.ja, "2026-11-23・2026-11-23 00:30・x、y・ab12・-・はい・(秘密)");
    assert_eq!(text.en.unwrap(), "x, y (known after Input(\"m\")) ${{");
    assert_eq!(why.0.len(), 1);
}

/// Texts of expressions of type bool and int over the names below; with `optional` also over names that may be absent.
fn expressions(optional: bool) -> BoxedStrategy<String> {
    let pick = |words: &[&str]| prop::sample::select(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    let bools = if optional { pick(&["true", "false", "inputs.a", "inputs.b", "inputs.oa"]) } else { pick(&["true", "false", "inputs.a", "inputs.b"]) };
    let ints = if optional { pick(&["0", "-3", "inputs.n", "inputs.m", "inputs.on"]) } else { pick(&["0", "-3", "inputs.n", "inputs.m"]) };
    let texts = if optional { pick(&["'x'", "inputs.s", "inputs.os", "(inputs.l | first)"]) } else { pick(&["'x'", "inputs.s", "(inputs.s | lower)"]) };
    let int = (ints.clone(), ints, texts.clone(), bools.clone()).prop_flat_map(|(n, m, s, b)| {
        prop::sample::select(vec![
            n.clone(),
            format!("({n} + {m})"),
            format!("({n} - {m})"),
            format!("({n} if {b} else {m})"),
            format!("({n} | default({m}))"),
            format!("({s} | length)"),
            "(inputs.l | length)".into(),
        ])
    });
    let dates = pick(&[
        "(inputs.day < date('2026-11-24'))",
        "(inputs.day == date('2026-11-23'))",
        "((inputs.day | plus('7d')) >= date('2026-11-30'))",
        "((inputs.day | minus('1d')) != inputs.day)",
        "(inputs.at <= datetime('2026-11-23T09:00:00+09:00'))",
        "((inputs.at | minus('12h')) < inputs.at)",
        "((inputs.at | plus('90m')) > datetime('2026-11-23T01:00:00Z'))",
        "(steps.find.found.days_left <= inputs.n)",
        "(steps.find.found.subject.cn == inputs.s)",
        "((steps.find.found.subject.ou | length) == 1)",
        "(steps.find.found.not_after > inputs.at)",
        "steps.find.found.has_key",
    ]);
    let leaf = (bools, int.clone(), int, texts.clone(), texts, dates).prop_flat_map(|(b, n, m, s, t, d)| {
        prop::sample::select(vec![
            b.clone(),
            d,
            format!("({n} < {m})"),
            format!("({n} >= {m})"),
            format!("({n} == {m})"),
            format!("({n} in [{m}, 1])"),
            format!("({s} == {t})"),
            format!("({s} != {t})"),
            format!("({s} not in [{t}, 'y'])"),
            format!("({s} in inputs.l)"),
            format!("({s} is glob('X*'))"),
        ])
    });
    leaf.prop_recursive(3, 12, 3, |inner| {
        (inner.clone(), inner.clone(), inner).prop_flat_map(|(a, b, c)| {
            prop::sample::select(vec![
                format!("({a} and {b})"),
                format!("({a} or {b})"),
                format!("(not {a})"),
                format!("({a} if {c} else {b})"),
                format!("({a} | default({b}))"),
                format!("({a} == {b})"),
            ])
        })
    })
    .boxed()
}

fn worlds() -> impl Strategy<Value = BTreeMap<Ref, Value>> {
    let bools = || any::<bool>().prop_map(Value::Bool);
    let ints = || (-4_i64..4).prop_map(Value::Int);
    let texts = || prop::sample::select(vec!["x", "y", "X1"]).prop_map(|text| Value::Str(text.into()));
    let lists = prop::collection::vec(texts(), 0..3).prop_map(Value::List);
    let optional = (prop::option::of(bools()), prop::option::of(ints()), prop::option::of(texts()));
    let days = prop::sample::select(vec!["2026-11-22", "2026-11-23", "2026-11-24", "2026-12-31"]).prop_map(|day| Value::Date(day.parse().unwrap()));
    let instants = prop::sample::select(vec!["2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z", "2026-12-01T15:00:00Z"]);
    let times = (days, instants.prop_map(|at| Value::DateTime(at.parse().unwrap())));
    (bools(), bools(), ints(), ints(), texts(), lists, optional, times).prop_map(|(a, b, n, m, s, l, (oa, on, os), (day, at))| {
        let required = [("a", a), ("b", b), ("n", n), ("m", m), ("s", s), ("l", l), ("day", day), ("at", at)];
        let mut values: BTreeMap<Ref, Value> = required.map(|(name, value)| (input(name), value)).into();
        values.insert(Ref::Output { step: "find".into(), output: "found".into() }, cert());
        let given = [("oa", oa), ("on", on), ("os", os)];
        values.extend(given.into_iter().filter_map(|(name, value)| Some((input(name), value?))));
        values
    })
}

/// A day or instant as minijinja's users would make one: an object that can be compared.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Day(jiff::civil::Date),
    At(Timestamp),
}

impl minijinja::value::Object for Moment {
    fn custom_cmp(self: &std::sync::Arc<Self>, other: &minijinja::value::DynObject) -> Option<std::cmp::Ordering> {
        Some(self.as_ref().cmp(other.downcast_ref::<Self>()?))
    }
}

/// `plus` (1) or `minus` (-1) of so many units, such as `7d`.
fn moved(value: &minijinja::Value, by: &str, sign: i64) -> minijinja::Value {
    let length = i64::try_from(kirikae_engine::dsl::read_duration(by).unwrap().as_secs()).unwrap();
    let by = jiff::SignedDuration::from_secs(sign * length);
    minijinja::Value::from_object(match value.downcast_object_ref::<Moment>().unwrap() {
        Moment::Day(day) => Moment::Day(day.checked_add(by).unwrap()),
        Moment::At(at) => Moment::At(at.checked_add(by).unwrap()),
    })
}

fn minijinja_value(value: &Value) -> minijinja::Value {
    match value {
        Value::Date(day) => minijinja::Value::from_object(Moment::Day(*day)),
        Value::DateTime(at) => minijinja::Value::from_object(Moment::At(*at)),
        Value::Map(entries) => entries.iter().map(|(name, value)| (name.clone(), minijinja_value(value))).collect::<BTreeMap<_, _>>().into(),
        Value::Cert(_) => {
            let world = world();
            let attributes = Type::Cert.attributes().into_iter();
            attributes
                .filter_map(|(name, _)| Some((name.to_owned(), minijinja_value(&value.attribute(name, world.now(), world.zone())?))))
                .collect::<BTreeMap<_, _>>()
                .into()
        }
        Value::Int(number) => (*number).into(),
        Value::Bool(yes) => (*yes).into(),
        Value::Str(text) => text.into(),
        Value::List(items) => items.iter().map(minijinja_value).collect(),
        other => panic!("{other:?}"),
    }
}

/// The same expression, wherever it stands.
fn without_places(expr: Expr) -> Expr {
    use kirikae_engine::dsl::expr::Node;
    let boxed = |expr: Box<Expr>| Box::new(without_places(*expr));
    let node = match expr.node {
        Node::List(items) => Node::List(items.into_iter().map(without_places).collect()),
        Node::Object(_) | Node::Text(_) => panic!("not written inside an expression"),
        Node::Attribute(base, name) => Node::Attribute(boxed(base), name),
        Node::Not(operand) => Node::Not(boxed(operand)),
        Node::Binary(operator, left, right) => Node::Binary(operator, boxed(left), boxed(right)),
        Node::If { condition, then, otherwise } => Node::If { condition: boxed(condition), then: boxed(then), otherwise: boxed(otherwise) },
        Node::Glob(operand, pattern) => Node::Glob(boxed(operand), boxed(pattern)),
        Node::Default(operand, other) => Node::Default(boxed(operand), boxed(other)),
        Node::Lower(operand) => Node::Lower(boxed(operand)),
        Node::Length(operand) => Node::Length(boxed(operand)),
        Node::First(operand) => Node::First(boxed(operand)),
        Node::Last(operand) => Node::Last(boxed(operand)),
        Node::Shift(operand, seconds) => Node::Shift(boxed(operand), seconds),
        leaf @ (Node::Literal(_) | Node::Ref(_)) => leaf,
    };
    Expr { node, span: Span::default(), ..expr }
}

#[test]
fn expressions_are_printed_as_people_write_them() {
    for (text, printed) in [
        ("inputs.a   and not inputs.b", "inputs.a and (not inputs.b)"),
        ("not 'x' in inputs.l", "'x' not in inputs.l"),
        ("(inputs.on|default(-3)) + 1 > 2", "((inputs.on | default(-3)) + 1) > 2"),
        ("inputs.day|plus('168h') < date(\"2026-11-30\")", "(inputs.day | plus('7d')) < date('2026-11-30')"),
        ("inputs.at | minus('90s')", "inputs.at | minus('90s')"),
        ("inputs.s == \"it's \\\\ \"", "inputs.s == 'it\\'s \\\\ '"),
        ("result.status in ['issued', 'applied']", "result.status in ['issued', 'applied']"),
        ("1 if inputs.s is glob('X*') else 2", "1 if (inputs.s is glob('X*')) else 2"),
        ("steps.find.found.subject.ou | first", "steps.find.found.subject.ou | first"),
    ] {
        assert_eq!(compiled(text).to_string(), printed, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn what_is_known_under_unknowns_holds_for_every_filling_in(text in expressions(true), world in worlds(), hidden in prop::collection::btree_set(0_usize..11, 0..7)) {
        let expr = compiled(&text);
        let full = World::new(world.iter().map(|(name, value)| (name.clone(), Some(value.clone()))));
        let mut partial = World::new(full.values.clone());
        for index in hidden {
            partial.values.insert(input(["a", "b", "oa", "n", "m", "on", "s", "os", "l", "day", "at"][index]), None);
        }
        let truth = evaluate(&expr, &full);
        prop_assert!(!matches!(truth, Tri::Unknown(..)), "{text}: nothing is unknown here");
        prop_assert!(expr.ty.is_optional() || !matches!(truth, Tri::Absent(_)), "{text}: its type says it is never absent");
        match evaluate(&expr, &partial) {
            Tri::Known(value) => prop_assert_eq!(Tri::Known(value), truth, "{}", text),
            Tri::Absent(_) => prop_assert!(matches!(truth, Tri::Absent(_)), "{text}"),
            Tri::Unknown(ty, _) => prop_assert_eq!(ty, expr.ty, "{}", text),
        }
    }

    #[test]
    fn without_absence_minijinja_says_the_same(text in expressions(false), world in worlds()) {
        let mut engine = minijinja::Environment::new();
        engine.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        engine.add_test("glob", |text: &str, pattern: &str| kirikae_engine::dsl::glob_matches(pattern, text));
        engine.add_filter("plus", |value: &minijinja::Value, by: &str| moved(value, by, 1));
        engine.add_filter("minus", |value: &minijinja::Value, by: &str| moved(value, by, -1));
        engine.add_function("date", |text: &str| minijinja::Value::from_object(Moment::Day(text.parse().unwrap())));
        engine.add_function("datetime", |text: &str| minijinja::Value::from_object(Moment::At(text.parse().unwrap())));
        let inputs: BTreeMap<String, minijinja::Value> = world.iter().filter_map(|(name, value)| match name {
            Ref::Input(name) => Some((name.clone(), minijinja_value(value))),
            _ => None,
        }).collect();
        let found = minijinja_value(&cert());
        let steps = minijinja::context! { find => minijinja::context! { found } };
        let theirs = engine.compile_expression(&text).unwrap().eval(minijinja::context! { inputs, steps }).unwrap();
        let full = World::new(world.into_iter().map(|(name, value)| (name, Some(value))));
        let ours = evaluate(&compiled(&text), &full);
        prop_assert_eq!(ours.known().map(minijinja_value), Some(theirs), "{}", text);
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same_expression(text in expressions(true)) {
        let expr = compiled(&text);
        let printed = expr.to_string();
        prop_assert_eq!(without_places(compiled(&printed)), without_places(expr), "{} -> {}", text, printed);
    }

    #[test]
    fn every_written_text_reads_back(words in "[ -~あ-ん「」\\n\\r\\t\\x00\\x7f\\u{85}]{0,40}") {
        let literal = Expr { node: kirikae_engine::dsl::expr::Node::Literal(Value::Str(words)), ty: Type::String, span: Span::default() };
        prop_assert_eq!(without_places(compiled(&literal.to_string())), literal);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[a-z0-9'\"(){}\\[\\]|.,:+*~$&!=<> あ-]{0,60}") {
        let _ = scan(&text);
        let _ = try_compile(&text);
    }
}
