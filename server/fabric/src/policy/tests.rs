use proptest::prelude::{BoxedStrategy, Just, ProptestConfig, Strategy, prop, prop_assert_eq, proptest};

use super::*;

fn identities_of(text: &str) -> Vec<(String, i32)> {
    let identities = parse(text).unwrap().identities;
    let roles = identities.iter().map(|identity| MspRole::decode(identity.principal.as_slice()).unwrap());
    roles.map(|role| (role.msp_identifier, role.role)).collect()
}

#[test]
fn texts_are_written_in_one_way() {
    let check = |text: &str, expect: &str| assert_eq!(format(&parse(text).unwrap()).unwrap(), expect);
    check("AND('Org1MSP.peer','Org2MSP.peer')", "AND('Org1MSP.peer', 'Org2MSP.peer')");
    check(" and ( \"Org1MSP.peer\" , 'b.admin' ) ", "AND('Org1MSP.peer', 'b.admin')");
    check("Or('a.member', 'b.c.client')", "OR('a.member', 'b.c.client')");
    check("OutOf(2, 'a.peer', 'b.peer', 'c.peer')", "OutOf(2, 'a.peer', 'b.peer', 'c.peer')");
    check("outof(1, 'a.peer', 'b.peer')", "OR('a.peer', 'b.peer')");
    check("OutOf(0, 'a.peer')", "OutOf(0, 'a.peer')");
    check("OutOf(2, 'a.peer')", "OutOf(2, 'a.peer')");
    check("OR(AND('a.peer', 'b.peer'), 'c.orderer')", "OR(AND('a.peer', 'b.peer'), 'c.orderer')");
}

#[test]
fn nested_functions_number_their_principals_first() {
    let order = identities_of("OR('c.peer', AND('a.peer', 'a.peer'), 'd.peer')");
    let names: Vec<&str> = order.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "a", "c", "d"]);
}

#[test]
fn refusals_name_the_place() {
    let check = |text: &str, position: usize, problem: ParseProblem| {
        assert_eq!(parse(text), Err(ParseError { position, problem }), "{text}");
    };
    check("", 0, ParseProblem::Function);
    check("'a.peer'", 0, ParseProblem::Function);
    check("  NOT('a.peer')", 2, ParseProblem::Function);
    check("AND 'a.peer'", 4, ParseProblem::Expected('('));
    check("AND()", 4, ParseProblem::Argument);
    check("AND('a.peer'", 12, ParseProblem::Expected(')'));
    check("AND('a.peer',)", 13, ParseProblem::Argument);
    check("AND('a.peer", 4, ParseProblem::Quote);
    check("AND('a.king')", 4, ParseProblem::Principal);
    check("AND('.peer')", 4, ParseProblem::Principal);
    check("AND('a b.peer')", 4, ParseProblem::Principal);
    check("OutOf('a.peer')", 6, ParseProblem::Number);
    check("OutOf(3, 'a.peer')", 6, ParseProblem::Count);
    check("OR('a.peer') x", 13, ParseProblem::Rest);
    check(&"OR(".repeat(40), 3 * DEPTH_MAX, ParseProblem::TooDeep);
    let many = format!("OR({})", vec!["'a.peer'"; PRINCIPALS_MAX + 1].join(","));
    assert_eq!(parse(&many).unwrap_err().problem, ParseProblem::TooMany);
    assert_eq!(parse(&" ".repeat(100_000)).unwrap_err().problem, ParseProblem::TooLong);
}

#[test]
fn builders_count() {
    let peers = |count: usize| (0..count).map(|_| signed_by("a", MspRoleType::Peer)).collect::<Vec<_>>();
    let text = |rule: Rule| format(&rule.envelope()).unwrap();
    assert_eq!(text(any(peers(2))), "OR('a.peer', 'a.peer')");
    assert_eq!(text(all(peers(2))), "AND('a.peer', 'a.peer')");
    assert_eq!(majority(peers(3)), out_of(2, peers(3)));
    assert_eq!(majority(peers(4)), out_of(3, peers(4)));
}

#[test]
fn policies_without_a_text_are_refused() {
    assert_eq!(format(&SignaturePolicyEnvelope::default()), Err(FormatError::Empty));
    let single = signed_by("a", MspRoleType::Peer).envelope();
    assert_eq!(format(&single), Err(FormatError::Single));
    let mut unlisted = any(vec![signed_by("a", MspRoleType::Peer)]).envelope();
    unlisted.identities.clear();
    assert_eq!(format(&unlisted), Err(FormatError::Index));
    let identity = SerializedIdentity { mspid: "a".into(), id_bytes: vec![1] };
    assert_eq!(format(&identities(1, &[identity])), Err(FormatError::NotRole));
}

fn rules() -> impl Strategy<Value = Rule> {
    let principal = ("[A-Za-z0-9][A-Za-z0-9.-]{0,8}", 0..ROLES.len())
        .prop_map(|(msp_id, role)| signed_by(&msp_id, ROLES[role]));
    let group = |inner: BoxedStrategy<Rule>| {
        prop::collection::vec(inner, 1..5)
            .prop_flat_map(|rules| (0..=rules.len() + 1, Just(rules)).prop_map(|(n, rules)| out_of(n, rules)))
    };
    let inner = principal.prop_recursive(4, 40, 4, move |inner| group(inner.boxed()).boxed());
    group(inner.boxed())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back_the_same(rule in rules()) {
        let envelope = rule.envelope();
        let text = format(&envelope).unwrap();
        prop_assert_eq!(&parse(&text).unwrap(), &envelope, "{}", text);
        prop_assert_eq!(parse_rule(&text).unwrap(), rule);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "[ANDORutOf(),.' \"0-9a-zé]{0,60}") {
        let _ = parse(&text);
    }
}
