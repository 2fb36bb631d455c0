//! Maps made from fits whose truth is known.

use heschl_core::run::maps::{
    BestOf, BestSettings, ChosenBy, ComponentSettings, DelaySettings, DifferenceSettings,
    FittedModel, MapSet, MapsError, best, components, delays, difference, distinct_names,
    folders_of_fits, is_folder, variance,
};
use ndarray::Ix1;

use super::*;

/// The first half of the planted voxels follows the features "model" two scans late, the second half "second" one scan late.
struct Fits {
    folder: tempfile::TempDir,
    responses: ResponsesInMemory,
    models: Vec<FittedModel>,
}

impl Fits {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut responses = study(folder.path());
        let mut random = PythonRandom::new(9);
        for (story, measured) in &mut responses.0 {
            let features = Array2::from_shape_simple_fn((N_SCANS + 15, 8), || random.normal());
            for voxel in N_PLANTED..2 * N_PLANTED {
                for scan in 0..N_SCANS {
                    measured[(scan, voxel)] += features[(scan + 10 - 1, voxel % 8)];
                }
            }
            let rows = features.mapv(|value| value as f32);
            write_features(&folder.path().join("second"), story, &rows);
        }
        let mut first = recipe(folder.path(), "fits/first");
        (first.output.weights, first.output.predictions) = (true, true);
        first.scores.controls = false;
        let own = first.features[0].clone();
        let other = FeatureSet {
            name: "second".into(),
            folder: folder.path().join("second"),
            ..own.clone()
        };
        let with = |features: &[&FeatureSet], name: &str| {
            let mut recipe = first.clone();
            recipe.features = features.iter().copied().cloned().collect();
            recipe.output.folder = folder.path().join("fits").join(name);
            recipe
        };
        for recipe in [
            with(&[&own], "first"),
            with(&[&other], "second"),
            with(&[&own, &other], "third"),
        ] {
            table(run(&recipe, &responses, VoxelShare::WHOLE).0);
        }
        let found = folders_of_fits(&folder.path().join("fits")).unwrap();
        assert_eq!(distinct_names(&found), ["first", "second", "third"]);
        let models = found
            .iter()
            .map(|folder| FittedModel::read(folder).unwrap());
        Self {
            models: models.collect(),
            folder,
            responses,
        }
    }

    fn differ(&self, [first, second]: [usize; 2]) -> Result<MapSet, MapsError> {
        let models = [&self.models[first], &self.models[second]];
        let mut report = |_, _| {};
        let watch = (&CancelToken::default(), &mut report as &mut dyn FnMut(_, _));
        let settings = DifferenceSettings::default();
        Ok(difference(models, &self.responses, settings, watch)?.unwrap())
    }
}

fn values<'a>(set: &'a MapSet, name: &str) -> &'a [f64] {
    set.map(name).unwrap().1
}

fn count(values: &[f64], value: f64) -> usize {
    values
        .iter()
        .filter(|it| (**it - value).abs() < 1e-12)
        .count()
}

#[test]
fn maps_of_fits_show_what_was_planted() {
    let fits = Fits::new();
    the_best_fit_is_the_one_that_a_voxel_follows(&fits);
    differences_are_found_with_their_signs(&fits);
    delays_are_those_that_were_planted(&fits);
    parts_of_variance_add_up_and_are_colours(&fits);
    components_are_eigenvectors_and_their_moments_the_furthest(&fits);
    what_does_not_belong_together_is_refused(&fits);
}

fn the_best_fit_is_the_one_that_a_voxel_follows(fits: &Fits) {
    let two = &fits.models[..2];
    for by in [ChosenBy::Validation, ChosenBy::Test] {
        let settings = BestSettings {
            by,
            names: vec!["sound".into(), "words".into()],
            ..BestSettings::default()
        };
        let set = best(two, &settings).unwrap();
        let found = values(&set, "best");
        assert_eq!(count(&found[..N_PLANTED], 1.0), N_PLANTED);
        assert_eq!(count(&found[N_PLANTED..2 * N_PLANTED], 2.0), N_PLANTED);
        // A voxel with a missing value has no p, and so no best fit; one that never changes has no score.
        assert!(
            found[2 * N_PLANTED..]
                .iter()
                .all(|it| *it == 0.0 || it.is_nan())
        );
        let names = set.record.maps[0].categories.iter();
        assert!(names.map(|it| &*it.name).eq(["none", "sound", "words"]));
        let (r, margin) = (values(&set, "r"), values(&set, "margin"));
        let of = |model: usize, voxel: usize| two[model].table.voxels[voxel].get(Column::R);
        assert!((r[3] - of(0, 3)).abs() < 1e-15);
        assert!((margin[3] - (of(0, 3) - of(1, 3))).abs() < 1e-15);
        assert!((margin[25] - (of(1, 25) - of(0, 25))).abs() < 1e-15);
        let is_optimistic = set.record.notes[0].contains("optimistic");
        assert_eq!(is_optimistic, by == ChosenBy::Test);
        assert_eq!(set.map("validation_margin").is_ok(), !is_optimistic);
    }
    let by_model = BestSettings {
        of: BestOf::Model,
        ..BestSettings::default()
    };
    let set = best(two, &by_model).unwrap();
    let names = set.record.maps[0].categories.iter();
    assert!(names.map(|it| &*it.name).eq(["none", "features", "second"]));
    let by_window = BestSettings {
        of: BestOf::Window,
        ..BestSettings::default()
    };
    let refused = best(two, &by_window).unwrap_err();
    assert!(
        refused.to_string().contains("does not say the window"),
        "{refused}"
    );
}

fn differences_are_found_with_their_signs(fits: &Fits) {
    let set = fits.differ([0, 1]).unwrap();
    let found = values(&set, "significant_difference");
    let n_positive = found[..N_PLANTED].iter().filter(|it| **it > 0.0).count();
    let n_negative = found[N_PLANTED..].iter().filter(|it| **it < 0.0).count();
    assert!(
        n_positive >= 19 && n_negative >= 19,
        "{n_positive} {n_negative}"
    );
    for voxel in 0..2 * N_PLANTED {
        let [one, other] = [0, 1].map(|at| fits.models[at].table.voxels[voxel].get(Column::R));
        // Predictions are kept in single precision.
        assert!((values(&set, "difference")[voxel] - (one - other)).abs() < 1e-6);
    }
    assert!(values(&set, "p")[N_VOXELS - 1].is_nan());
    // A fit does not differ from itself.
    let same = fits.differ([0, 0]).unwrap();
    assert_eq!(count(values(&same, "p"), 1.0), 2 * N_PLANTED);
    let folder = fits.folder.path().join("maps");
    set.write(&folder).unwrap();
    assert!(is_folder(&folder));
    let read = MapSet::read(&folder).unwrap();
    assert_eq!(read.record, set.record);
    for (read, written) in read
        .values
        .iter()
        .flatten()
        .zip(set.values.iter().flatten())
    {
        assert_eq!(read.to_bits(), written.to_bits());
    }
    let table = std::fs::read_to_string(folder.join("maps.csv")).unwrap();
    let head = "voxel,difference,significant_difference,p,q,r_first,r_second";
    assert_eq!(table.lines().next(), Some(head));
    assert_eq!(table.lines().count(), 1 + N_VOXELS);
}

fn delays_are_those_that_were_planted(fits: &Fits) {
    let of = |model: usize, settings: DelaySettings| {
        let mut report = |_, _| {};
        let watch = (&CancelToken::default(), &mut report as &mut dyn FnMut(_, _));
        delays(&fits.models[model], &settings, watch).map(|set| set.unwrap())
    };
    let first = of(0, DelaySettings::default()).unwrap();
    assert_eq!(count(&values(&first, "delay")[..N_PLANTED], 2.0), N_PLANTED);
    assert_eq!(
        count(&values(&first, "delay_secs")[..N_PLANTED], 4.0),
        N_PLANTED
    );
    let centre = values(&first, "centre");
    assert!(
        centre[..N_PLANTED].iter().all(|it| (1.5..3.0).contains(it)),
        "{centre:?}"
    );
    let n_empty = values(&first, "delay")[N_PLANTED..]
        .iter()
        .filter(|it| it.is_nan());
    assert!(n_empty.count() >= 18);
    let second = of(1, DelaySettings::default()).unwrap();
    let found = &values(&second, "delay")[N_PLANTED..2 * N_PLANTED];
    assert_eq!(count(found, 1.0), N_PLANTED);
    // The sets of the joint fit are told apart.
    let set = |name: &str| DelaySettings {
        set: Some(name.into()),
        all_voxels: false,
    };
    let joint = of(2, set("second")).unwrap();
    let found = &values(&joint, "delay")[N_PLANTED..2 * N_PLANTED];
    assert_eq!(count(found, 1.0), N_PLANTED);
    let unknown = of(2, set("third")).unwrap_err().to_string();
    assert!(unknown.contains("It has: model, second."), "{unknown}");
}

fn parts_of_variance_add_up_and_are_colours(fits: &Fits) {
    let [first, second, both] = [0, 1, 2].map(|at| &fits.models[at]);
    let set = variance([first, second, both]).unwrap();
    let [a, b, shared, all] =
        ["only_first", "only_second", "shared", "both"].map(|name| values(&set, name));
    for voxel in 0..2 * N_PLANTED {
        let sum = a[voxel] + b[voxel] + shared[voxel];
        assert!((sum - all[voxel]).abs() < 1e-12);
    }
    let [red, green, blue] = set
        .record
        .rgb
        .clone()
        .unwrap()
        .map(|name| values(&set, &name).to_vec());
    let is_largest = |one: &[f64], others: [&[f64]; 2], at: usize| {
        one[at] > 0.2 && others.iter().all(|other| one[at] > other[at] + 0.1)
    };
    assert!((0..N_PLANTED).all(|at| is_largest(&red, [&green, &blue], at)));
    assert!((N_PLANTED..2 * N_PLANTED).all(|at| is_largest(&green, [&red, &blue], at)));
    let all = red.iter().chain(&green).chain(&blue);
    assert!(
        all.filter(|it| !it.is_nan())
            .all(|it| (0.0..=1.0).contains(it))
    );
    assert!(
        set.record
            .notes
            .iter()
            .all(|it| !it.contains("are not among those"))
    );
    let odd = variance([first, both, second]).unwrap();
    assert!(
        odd.record.notes[0].contains("are not among those"),
        "{:?}",
        odd.record.notes
    );
}

fn components_are_eigenvectors_and_their_moments_the_furthest(fits: &Fits) {
    let model = &fits.models[0];
    let mut report = |_, _| {};
    let watch = (&CancelToken::default(), &mut report as &mut dyn FnMut(_, _));
    let settings = ComponentSettings {
        n_best: Some(N_PLANTED),
        ..ComponentSettings::default()
    };
    let set = components(model, &fits.responses, &settings, watch)
        .unwrap()
        .unwrap();
    let folder = fits.folder.path().join("components");
    set.write(&folder).unwrap();
    let of = |name: &str| npz::read_as::<f64, Ix2>(&folder.join("components.npz"), name).unwrap();
    let (directions, drive) = (of("components"), of("drive"));
    // The covariance over the voxels that decided, computed anew from the file of the weights.
    let weights = StoredMatrix::open(&model.folder.join("weights.npy")).unwrap();
    let weights: Array2<f64> = weights.read(0..24, 0..N_VOXELS).unwrap();
    let mean = Array2::from_shape_fn((N_FEATURES, N_PLANTED), |(feature, voxel)| {
        (0..4)
            .map(|delay| weights[(delay * N_FEATURES + feature, voxel)])
            .sum::<f64>()
            / 4.0
    });
    let centred = &mean - &mean.mean_axis(Axis(1)).unwrap().insert_axis(Axis(1));
    let covariance = centred.dot(&centred.t()) / N_PLANTED as f64;
    let total = covariance.diag().sum();
    let shares = npz::read_as::<f64, Ix1>(&folder.join("components.npz"), "shares").unwrap();
    for (direction, share) in directions.rows().into_iter().zip(&shares) {
        let image = covariance.dot(&direction);
        for (image, direction) in image.iter().zip(direction) {
            assert!((image - share * total * direction).abs() < 1e-10);
        }
    }
    let pc1 = values(&set, "pc1");
    for (score, voxel) in pc1.iter().zip(centred.columns()) {
        assert!((score - directions.row(0).dot(&voxel)).abs() < 1e-10);
    }
    let red = values(&set, "red");
    assert!(red[..N_PLANTED].iter().all(|it| (0.0..=1.0).contains(it)));
    assert!(red[N_PLANTED..].iter().all(|it| it.is_nan()));
    assert_eq!(drive.dim(), (N_SCANS, 3));
    assert_eq!(set.record.moments.len(), 30);
    for component in 1..=3 {
        let of = set
            .record
            .moments
            .iter()
            .filter(|it| it.component == component);
        let found: Vec<f64> = of.map(|moment| moment.value).collect();
        assert!(found.is_sorted_by(|a, b| a >= b), "{found:?}");
        let column = drive.column(component - 1);
        let extremes = column
            .iter()
            .fold([f64::MIN, f64::MAX], |[most, least], value| {
                [most.max(*value), least.min(*value)]
            });
        assert!((found[0] - extremes[0]).abs() < 1e-12 && (found[9] - extremes[1]).abs() < 1e-12);
    }
}

fn what_does_not_belong_together_is_refused(fits: &Fits) {
    let said = |error: MapsError| error.to_string();
    let mut other = fits.models.clone();
    other[1].recipe.stories.test = vec!["gamma".into()];
    let settings = BestSettings::default();
    assert!(said(best(&other, &settings).unwrap_err()).contains("differ in test stories"));
    let mut other = fits.models.clone();
    other[1].recipe.ridge.seed += 1;
    let refused = said(best(&other[..2], &settings).unwrap_err());
    assert!(refused.contains("differ in cross-validation"), "{refused}");
    other[1].table.voxels.pop();
    assert!(said(best(&other[..2], &settings).unwrap_err()).contains("has 41 voxels"));
    assert!(said(best(&other[..1], &settings).unwrap_err()).contains("At least 2 fits"));
    let set = best(&fits.models[..2], &settings).unwrap();
    let into = said(set.write(&fits.models[0].folder).unwrap_err());
    assert!(into.contains("holds the scores of a fit"), "{into}");
    // Responses that have changed since.
    let mut changed = Fits {
        folder: tempfile::tempdir().unwrap(),
        responses: fits.responses.clone(),
        models: fits.models.clone(),
    };
    changed
        .responses
        .0
        .get_mut("delta")
        .unwrap()
        .column_mut(5)
        .fill(1.0);
    changed
        .responses
        .0
        .get_mut("delta")
        .unwrap()
        .swap((0, 5), (9, 5));
    changed.responses.0.get_mut("delta").unwrap()[(3, 5)] = 2.0;
    let refused = said(changed.differ([0, 1]).unwrap_err());
    assert!(refused.contains("at voxel 5"), "{refused}");
    std::fs::remove_file(fits.models[0].folder.join("predictions.npy")).unwrap();
    let refused = said(fits.differ([0, 1]).unwrap_err());
    assert!(refused.contains("were not kept"), "{refused}");
}
