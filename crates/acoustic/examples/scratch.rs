//! x
#![allow(clippy::unwrap_used)]
use stentor_acoustic::random::Stream;
use stentor_acoustic::*;
use stentor_experiment::{Model, Objective as O, Optimizer as P};
use tch::Kind;
const INPUTS: usize = 192;
const SENONES: usize = 126;
const K: usize = 20;
fn now() -> f64 { let t=std::fs::read_to_string("/proc/self/schedstat").unwrap(); t.split(' ').next().unwrap().parse::<f64>().unwrap()/1e9 }
fn noise(len: usize) -> Vec<f32> { let stream = Stream::new(1, "features"); (0..len as u64).map(|n| stream.uniform(n, 1.7)).collect() }
fn main() {
    set_threads(1).unwrap();
    let secs: f64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let student = Model { layers: 3, width: 192, bidirectional: false, ..Model::default() };
    let teacher = Model { layers: 3, width: 256, bidirectional: true, ..Model::default() };
    let full = vec![60usize; 32];
    let real: Vec<usize> = (0..32).map(|n| 20 + (n * 17) % 41).collect();
    let mut jobs: Vec<(String, usize, Box<dyn FnMut()>)> = Vec::new();
    for (mn, m) in [("student", &student), ("teacher", &teacher)] { for (ln, lens) in [("full", &full), ("real", &real)] { for en in ["native", "fused"] {
        unsafe { if en == "native" { std::env::set_var("NATIVE", "1") } else { std::env::remove_var("NATIVE") } }
        let shape = ModelShape::new(m, INPUTS, SENONES).unwrap();
        let model = build(&shape, 1, Device::Cpu).unwrap();
        let settings = P::default();
        let mut optimizer = build_optimizer(&settings, model.parameters().len(), Device::Cpu);
        let objective = machine_labeled_objective(&O::default());
        let data: Vec<(Vec<f32>, Vec<u16>, Vec<f32>)> = lens.iter().map(|&n| (noise(n*INPUTS), (0..n*K).map(|n| ((n / K * 7 + n % K) % SENONES) as u16).collect(), (0..n*K).map(|n| 0.5f32.powi((n % K) as i32 + 1)).collect())).collect();
        let chunks: Vec<Chunk<'_>> = data.iter().map(|(f,i,p)| Chunk { features: f, left: 0, right: 0, hard: None, soft: Some(SoftLabels { k: K, ids: i, probabilities: p }) }).collect();
        let batch = Batch::pack(&chunks, &shape, Device::Cpu).unwrap();
        let frames: usize = lens.iter().sum();
        jobs.push((format!("{mn} {ln} {en} train"), frames, Box::new(move || {
            mean_gradient(model.as_ref(), &batch, objective.as_ref()).unwrap();
            clip_to_norm(model.parameters().gradient(), settings.clip_norm).unwrap();
            let step = optimizer.update(model.parameters().gradient(), 1e-3).unwrap();
            model.parameters().add(&step).unwrap();
        })));
        let model = build(&shape, 1, Device::Cpu).unwrap();
        let batch = Batch::pack(&chunks, &shape, Device::Cpu).unwrap();
        jobs.push((format!("{mn} {ln} {en} forward"), frames, Box::new(move || { tch::no_grad(|| model.forward(&batch.features, &batch.lengths).unwrap()); })));
    } } }
    let o = (Kind::Float, Device::Cpu);
    for (m,k,n) in [(1920i64,192i64,768i64),(32,192,768),(32,768,192)] {
        let a = Tensor::randn([m,k], o); let wt = Tensor::randn([n,k], o); let out = Tensor::zeros([m,n], o);
        jobs.push((format!("NT {m} {k} {n} MF"), (2*m*k*n/1000000*(1920/m)) as usize, Box::new(move || for _ in 0..1920/m { let _ = a.f_mm_out(&out, &wt.tr()).unwrap(); })));
    }
    let (m,k,n)=(768,1920,192);
    let a = Tensor::randn([k,m], o); let wt = Tensor::randn([k,n], o); let out = Tensor::zeros([m,n], o);
    jobs.push((format!("TN {m} {k} {n} MF"), (2*m*k*n/1000000) as usize, Box::new(move || { let _ = a.tr().f_mm_out(&out, &wt).unwrap(); })));
    if let Some(f) = std::env::args().nth(2) { jobs.retain(|j| j.0.contains(&f)); }
    let mut best = vec![f64::MAX; jobs.len()];
    let begin = now();
    while now() - begin < secs { for (n, job) in jobs.iter_mut().enumerate() { for _ in 0..2 { let s = now(); job.2(); best[n] = best[n].min(now() - s); } } }
    for (n, job) in jobs.iter().enumerate() { println!("{:32} {:8.0}/s  {:.2} ms", job.0, job.1 as f64 / best[n], best[n]*1e3); }
}
