//! Strategies, their tables, groups and deadlines.

use super::*;

#[test]
fn one_word_toggles_the_strategy_while_both_tables_stay() {
    let tables = "[exchange.gtc]\ndensity = 0.01\n[exchange.bmuf]\nblock = 10\n";
    for (word, strategy) in [("gtc", Strategy::Gtc), ("bmuf", Strategy::Bmuf)] {
        let text = format!("{SMALL}[exchange]\nstrategy = \"{word}\"\n{tables}");
        let exchange = Experiment::parse(&text).unwrap().exchange;
        assert_eq!((exchange.strategy, exchange.gtc.density, exchange.bmuf.block), (strategy, 0.01, 10));
    }
}

fn bmuf(table: &str) -> Result<Bmuf, Error> {
    Experiment::parse(&format!("{SMALL}[exchange.bmuf]\n{table}")).map(|e| e.exchange.bmuf)
}

#[test]
fn a_preset_gives_defaults_and_keys_in_the_file_take_precedence() {
    assert_eq!(bmuf("").unwrap(), Bmuf::default());
    let diloco = bmuf("preset = \"diloco\"\n").unwrap();
    assert_eq!(diloco, BlockPreset::Diloco.settings());
    assert_eq!((diloco.block, diloco.momentum, diloco.learning_rate), (500, Some(0.9), 0.7));
    let slowmo = bmuf("preset = \"slowmo\"\nblock = 12\nmoments = \"keep\"\n").unwrap();
    let expected = Bmuf { block: 12, moments: BlockMoments::Keep, ..BlockPreset::Slowmo.settings() };
    assert_eq!(slowmo, expected);
    assert_eq!((slowmo.kind, slowmo.momentum), (BmufMomentum::Classical, Some(0.7)));
}

#[test]
fn unknown_keys_and_impossible_values_of_a_block_are_still_named() {
    let error = bmuf("preset = \"slowmo\"\nmomentom = 0.5\n").unwrap_err();
    assert_eq!(
        error,
        Error::UnknownKey { line: 8, key: "momentom".into(), nearest: Some("momentum".into()) }
    );
    for (table, key) in [
        ("warmup = 1.5\n", "exchange.bmuf.warmup"),
        ("delta_density = 0.0\n", "exchange.bmuf.delta_density"),
        ("momentum = 1.0\n", "exchange.bmuf.momentum"),
        ("block = 0\n", "exchange.bmuf.block"),
    ] {
        let error = bmuf(table).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{key}`")), "{error}");
    }
    let error = bmuf("deltas = \"f16\"\n").unwrap_err().to_string();
    assert_eq!(
        error,
        "line 7: `exchange.bmuf.deltas`: expected one of `f32`, `bf16`, `threshold`, found \"f16\"; did you mean `bf16`?"
    );
}

#[test]
fn block_momentum_follows_the_members_and_is_zero_in_the_warm_up() {
    let rule = Bmuf { warmup: 0.2, ..Bmuf::default() };
    assert_eq!(
        (rule.momentum_for(4, 0.1), rule.momentum_for(4, 0.2), rule.momentum_for(2, 1.0)),
        (0.0, 0.75, 0.5)
    );
    assert_eq!((rule.momentum_for(1, 0.5), rule.momentum_for(0, 0.5)), (0.0, 0.0));
    assert_eq!(BlockPreset::Diloco.settings().momentum_for(64, 0.0), 0.9);
}

#[test]
fn two_tier_is_one_word_and_uses_the_tables_of_gtc_and_bmuf() {
    let text = format!("{SMALL}[exchange]\nstrategy = \"two-tier\"\n[exchange.two_tier]\ngroup = 8\n");
    let exchange = Experiment::parse(&text).unwrap().exchange;
    assert_eq!((exchange.strategy, exchange.strategy.name()), (Strategy::TwoTier, "two-tier"));
    assert_eq!(exchange.two_tier.group, 8);
    let error = Experiment::parse(&text.replace('8', "0")).unwrap_err();
    assert_eq!(error.to_string(), "`exchange.two_tier.group`: expected 1 to 1024, found 0");
}

#[test]
fn workers_are_distributed_evenly_and_each_to_one_group() {
    let tiers = TwoTier { group: 4 };
    let sizes =
        |workers| (0..tiers.groups(workers)).map(|g| tiers.members(g, workers).len()).collect::<Vec<_>>();
    assert_eq!((sizes(8), sizes(6), sizes(5), sizes(3)), (vec![4, 4], vec![3, 3], vec![2, 3], vec![3]));
    for workers in 0..40 {
        let all = (0..tiers.groups(workers)).flat_map(|g| tiers.members(g, workers));
        assert!(all.eq(0..workers), "{workers} workers");
        for position in 0..workers {
            assert!(tiers.members(tiers.group_of(position, workers), workers).contains(&position));
        }
        assert!(sizes(workers).iter().all(|&size| size <= 4), "{workers} workers");
    }
}

#[test]
fn two_tiers_refuse_settings_that_would_let_replicas_of_a_group_diverge() {
    let parse = |more: &str| {
        Experiment::parse(&format!("{SMALL}[exchange]\nstrategy = \"two-tier\"\n{more}")).map(drop)
    };
    // Plain SGD has no state, and with Adam each worker thresholds its own updates.
    for fine in ["[optimizer]\nkind = \"sgd\"\n", ""] {
        assert_eq!(parse(fine), Ok(()), "{fine}");
    }
    let heavy = "[optimizer]\nkind = \"sgd\"\nmomentum = 0.9\n";
    let error = parse(heavy).unwrap_err().to_string();
    assert!(error.starts_with("`exchange.bmuf.moments`: expected \"reset\" or \"average\""), "{error}");
    assert_eq!(parse(&format!("{heavy}[exchange.bmuf]\nmoments = \"average\"\n")), Ok(()));
    let error = parse("[exchange.gtc]\ndownlink = \"rethreshold\"\n").unwrap_err().to_string();
    assert!(error.starts_with("`exchange.gtc.downlink`: expected \"exact\""), "{error}");
}

#[test]
fn reducers_are_urls_each_once() {
    let of = |list: &str| {
        Experiment::parse(&format!("{SMALL}[exchange]\nreducers = {list}\n")).map(|e| e.exchange.reducers)
    };
    assert_eq!(of("[]").unwrap(), Vec::<String>::new());
    assert_eq!(of("[\"http://a:1\", \"https://b:2\"]").unwrap(), ["http://a:1", "https://b:2"]);
    let error = of("[\"http://a:1\", \"a:2\"]").unwrap_err().to_string();
    assert_eq!(error, "`exchange.reducers`: expected URLs that begin with http:// or https://, found `a:2`");
    for url in ["http://a:99999", "https://[::1]:0", "http://a:"] {
        let error = of(&format!("[\"{url}\"]")).unwrap_err().to_string();
        let expected = "`exchange.reducers`: expected URLs with a port from 1 to 65535";
        assert_eq!(error, format!("{expected}, found `{url}`"));
    }
    of("[\"http://[::1]\", \"http://a\"]").unwrap();
    let error = of("[\"http://a:1\", \"http://a:1\"]").unwrap_err().to_string();
    assert_eq!(error, "`exchange.reducers`: expected each reducer only once, found `http://a:1` twice");
}

#[test]
fn replicas_are_compared_every_16_rounds_unless_the_file_says_otherwise() {
    assert_eq!(Experiment::parse(SMALL).unwrap().cluster.digest_every, 16);
    let error = Experiment::parse(&format!("{SMALL}[cluster]\ndigest_every = 0\n")).unwrap_err();
    assert_eq!(error.to_string(), "`cluster.digest_every`: expected 1 to 10000 rounds, found 0");
}

#[test]
fn a_deadline_that_follows_lags_has_bounds_and_a_poison_policy_has_two_words() {
    let of = |keys: &str| Experiment::parse(&format!("{SMALL}[cluster]\n{keys}\n")).map(|e| e.cluster);
    let cluster = of("deadline_mads = 0\npoison = \"stop\"").unwrap();
    assert_eq!((cluster.deadline_mads, cluster.poison), (0.0, crate::Poison::Stop));
    let error = of("deadline_mads = -1.0").unwrap_err().to_string();
    assert_eq!(error, "`cluster.deadline_mads`: expected 0 to 1000, found -1");
    let error = of("deadline_floor_s = 0.0").unwrap_err().to_string();
    assert_eq!(error, "`cluster.deadline_floor_s`: expected above 0, at most a day, found 0");
    let error = of("boundary_deadline_s = -1.0").unwrap_err().to_string();
    assert_eq!(error, "`cluster.boundary_deadline_s`: expected above 0, at most a day, found -1");
    assert!(of("poison = \"ignore\"").unwrap_err().to_string().contains("`drop` or `stop`"));
}

#[test]
fn two_tiers_of_which_one_is_idle_give_a_warning() {
    let read = |strategy: &str, workers: u32, group: u32| {
        let text = format!(
            "{SMALL}[exchange]\nstrategy = \"{strategy}\"\n[exchange.two_tier]\ngroup = {group}\n\
             [cluster]\nworkers = {workers}\n"
        );
        Experiment::parse(&text).unwrap().warnings()
    };
    let one = |workers, group, one_group| [Warning::OneTier { workers, group, one_group }];
    assert_eq!(read("two-tier", 2, 4), one(2, 4, true));
    assert_eq!(read("two-tier", 2, 1), one(2, 1, false));
    assert_eq!(read("two-tier", 1, 1), one(1, 1, true));
    assert_eq!(read("two-tier", 4, 2), []);
    assert_eq!(read("two-tier", 3, 2), [], "one group of one and one of two");
    assert_eq!(read("gtc", 2, 4), []);
    let words = read("two-tier", 2, 4)[0].to_string();
    assert!(words.contains("one group") && words.contains("this is \"gtc\""), "{words}");
    let words = read("two-tier", 2, 1)[0].to_string();
    assert!(words.contains("a group by itself") && words.contains("this is \"bmuf\""), "{words}");
}
