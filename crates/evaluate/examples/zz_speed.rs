use stentor_evaluate::*;
use std::time::Instant;
fn main() {
    let names: Vec<String> = (0..42).map(|p| format!("P{p}")).collect();
    let phones = PhoneSet::new((0..126).map(|s| SenoneLabel { phone: &names[s / 3], state: (s % 3) as u8, silence: s < 3 })).unwrap();
    let mut x = 1u64;
    let mut rnd = move || { x ^= x << 13; x ^= x >> 7; x ^= x << 17; x };
    let mut utts = vec![];
    let mut st = PhoneStatistics::new(&phones);
    for _ in 0..500 {
        let mut ali = vec![];
        while ali.len() < 110 { let p = (rnd() % 42) as u16; for s in 0..3 { for _ in 0..(rnd() % 3) { ali.push(p * 3 + s); } } }
        ali.truncate(110);
        let (mut ids, mut logs, mut res) = (vec![], vec![], vec![]);
        for &a in &ali {
            let mut w: Vec<(f32, u16)> = (0..126).map(|s| (((rnd() % 1000) as f32 / 1000.0).powi(6) + if s == a { 0.8 } else { 0.0 }, s)).collect();
            let z: f32 = w.iter().map(|w| w.0).sum();
            w.sort_by(|a, b| b.0.total_cmp(&a.0));
            for (p, s) in w { ids.push(s); logs.push((p / z).max(1e-9).ln()); }
            res.push(0.0);
        }
        st.add(&ali).unwrap();
        utts.push((Posteriors::new(126, ids, &logs, &res).unwrap(), ali));
    }
    let model = st.estimate().unwrap();
    let d = Decoder::new(&phones, &model, DecoderSettings::default()).unwrap();
    let t = Instant::now();
    let mut f = FrameErrors::default();
    for (p, a) in &utts { f += FrameErrors::score(&phones, p, a).unwrap(); }
    println!("fer {:?} {:?}", f.rate(), t.elapsed());
    let t = Instant::now();
    let mut e = PhoneErrors::default();
    for (p, a) in &utts { e += PhoneErrors::compare(&phones.spoken(&phones.phones_of(a).unwrap()), &phones.spoken(&d.decode(p).unwrap().phones)); }
    println!("per {:?} {e:?} {:?}", e.rate(), t.elapsed());
    let dev: Vec<DevUtterance> = utts.into_iter().take(43).map(|(posteriors, a)| DevUtterance { reference: phones.spoken(&phones.phones_of(&a).unwrap()), posteriors }).collect();
    let t = Instant::now();
    let tuned = tune(&phones, &model, &dev, &Grid::default()).unwrap();
    println!("tune {tuned:?} {:?}", t.elapsed());
}
