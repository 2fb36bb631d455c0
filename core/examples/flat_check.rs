fn main() {
    use heschl_core::brain::{flatten::*, folders, *};
    let f = std::env::args().nth(1).unwrap();
    let s = folders::load(std::path::Path::new(&f)).unwrap().subject;
    let t0 = std::time::Instant::now();
    let tell = |_: FlattenStage, _: f64| std::ops::ControlFlow::Continue(());
    let one = |side: Side| {
        let h = s.hemisphere(side);
        let last = std::sync::Mutex::new(String::new());
        let tell = |st: FlattenStage, x: f64| {
            let k = format!("{st:?}{}", (x * 14.0) as i32);
            let mut l = last.lock().unwrap();
            if *l != k {
                eprintln!("{side} {k} {:?}", t0.elapsed());
                *l = k;
            }
            tell(st, x)
        };
        let m = flatten(h, side, SurfaceKind::White, &Watch(&tell))
            .unwrap()
            .unwrap();
        let t = t0.elapsed();
        eprintln!(
            "{side}: D {:.5} in {t:?} used {} left out {} border {}",
            m.mean_distortion,
            m.surface.used().iter().filter(|u| **u).count(),
            m.n_left_out,
            m.border.len()
        );
        m
    };
    let _ = rayon::join(|| one(Side::Left), || one(Side::Right));
    eprintln!("both {:?}", t0.elapsed());
    for side in Side::BOTH {
        let h = s.hemisphere(side);
        let d = metric_distortion(
            &h.surfaces[&SurfaceKind::White],
            &h.surfaces[&SurfaceKind::Flat],
        )
        .unwrap();
        let v: Vec<f64> = d
            .iter()
            .filter(|v| v.is_finite())
            .map(|v| f64::from(*v))
            .collect();
        eprintln!("FS {side} {:.5}", v.iter().sum::<f64>() / v.len() as f64);
    }
}
