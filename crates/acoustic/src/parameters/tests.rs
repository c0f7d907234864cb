use super::*;
use tch::Kind;

/// Two parameters, at 0 to 5 and 6 to 7.
fn vector() -> ParameterVector {
    let parameters = vec![("weight".to_owned(), vec![2, 3]), ("bias".to_owned(), vec![2])];
    let count = |slot: &ParameterSlot, values: &mut [f32]| {
        values.iter_mut().zip(slot.offset..).for_each(|(value, n)| *value = n as f32);
    };
    ParameterVector::new(parameters, count, Device::Cpu).unwrap()
}

#[test]
fn a_step_on_the_flat_vector_changes_the_views_and_values_computed_from_them() {
    let parameters = vector();
    parameters.add(&Tensor::from_slice(&[10f32; 8])).unwrap();
    let weight = parameters.view("weight").unwrap();
    assert_eq!(weight.double_value(&[1, 2]), 15.0);
    assert!(weight.is_leaf() && weight.requires_grad());
    let loss = (weight * 2.0).sum(Kind::Float);
    assert_eq!(loss.double_value(&[]), 2.0 * 75.0);
    parameters.load_host(&[1.0; 8]).unwrap();
    assert_eq!(parameters.view("bias").unwrap().double_value(&[1]), 1.0);
}

#[test]
fn gradients_of_the_views_are_in_the_flat_gradient_at_their_offsets() {
    let parameters = vector();
    let loss = (parameters.view("bias").unwrap() * Tensor::from_slice(&[3f32, 4.0])).sum(Kind::Float);
    let gradients = Tensor::run_backward(&[loss], parameters.views(), false, false);
    parameters.accumulate(&gradients).unwrap();
    assert_eq!(parameters.gradient_host(), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0]);
    parameters.zero_grad();
    assert_eq!(parameters.gradient_host(), [0.0; 8]);
}

/// libtorch rejects differentiating `loss`, because values from which it was computed have changed.
fn assert_is_caught(loss: &Tensor, parameters: &ParameterVector) {
    let error = Tensor::f_run_backward(&[loss], parameters.views(), false, false).unwrap_err();
    assert!(error.to_string().contains("modified by an inplace operation"), "{error}");
}

#[test]
fn a_step_taken_between_forward_and_backward_is_caught_by_libtorch() {
    // Views and vector share the version counter, so a gradient through overwritten values is never computed.
    let parameters = vector();
    let loss = parameters.view("weight").unwrap().square().sum(Kind::Float);
    parameters.add(&Tensor::from_slice(&[1f32; 8])).unwrap();
    assert_is_caught(&loss, &parameters);
}

#[test]
fn values_changed_in_place_are_seen_by_the_views_and_the_change_is_caught_by_libtorch() {
    let parameters = vector();
    let loss = parameters.view("weight").unwrap().square().sum(Kind::Float);
    let before = parameters.with_host(<[f32]>::to_vec);
    assert_eq!(before, parameters.to_host());
    parameters.change_host(|values| values[7] = -0.0).unwrap();
    assert_eq!(parameters.view("bias").unwrap().double_value(&[1]).to_bits(), (-0.0f64).to_bits());
    assert!(parameters.with_host(|values| values[7].is_sign_negative()));
    assert_is_caught(&loss, &parameters);
    parameters.with_host_gradient(|gradient| assert_eq!(gradient, [0.0; 8]));
}

#[test]
fn values_are_saved_and_restored_by_name_in_any_order() {
    let (from, to) = (vector(), vector());
    from.load_host(&[7.0; 8]).unwrap();
    let copies = from.tensors();
    assert_eq!(copies[0].shape, [2, 3]);
    to.load_named(copies.iter().rev().map(|p| (p.name.as_str(), &p.shape[..], &p.values[..]))).unwrap();
    assert_eq!(to.to_host(), from.to_host());
}

#[test]
fn a_file_of_another_model_is_refused_by_name_and_changes_nothing() {
    let parameters = vector();
    let weight = ("weight", &[2usize, 3][..], &[0f32; 6][..]);
    let bias = ("bias", &[2usize][..], &[0f32; 2][..]);
    let refused = |tensors: Vec<(&'static str, &'static [usize], &'static [f32])>| {
        parameters.load_named(tensors).unwrap_err()
    };
    assert!(matches!(refused(vec![weight]), Error::MissingParameter { name } if name == "bias"));
    let other = ("gain", bias.1, bias.2);
    assert!(matches!(refused(vec![weight, other]), Error::UnknownParameter { name } if name == "gain"));
    let turned = ("weight", &[3usize, 2][..], weight.2);
    let error = refused(vec![turned, bias]);
    assert!(error.to_string().contains("`weight`: expected shape [2, 3], found [3, 2]"), "{error}");
    let short = ("bias", bias.1, &[0f32][..]);
    assert!(refused(vec![weight, short]).to_string().contains("bias"));
    assert_eq!(parameters.to_host(), vector().to_host());
}

#[test]
fn vectors_of_another_length_are_refused() {
    let parameters = vector();
    let error = parameters.load_host(&[0.0; 7]).unwrap_err().to_string();
    assert_eq!(error, "parameter vector: expected 8, found 7");
    let error = parameters.add(&Tensor::from_slice(&[0f32; 9])).unwrap_err().to_string();
    assert_eq!(error, "step: expected 8, found [9]");
    assert_eq!(parameters.to_host(), vector().to_host());
    assert_eq!((parameters.len(), parameters.is_empty()), (8, false));
}

#[test]
fn a_frozen_vector_is_shared_without_a_copy_has_no_gradient_and_refuses_every_change() {
    let parameters = || vec![("weight".to_owned(), vec![2, 3]), ("bias".to_owned(), vec![2])];
    let named = [("bias", &[2][..], &[6f32, 7.0][..]), ("weight", &[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])];
    let frozen = ParameterVector::frozen(parameters(), named, Device::Cpu).unwrap();
    let shared = frozen.share().unwrap();
    assert_eq!(shared.to_host(), vector().to_host());
    for (one, other) in frozen.views().iter().zip(shared.views()) {
        assert_eq!(one.data_ptr(), other.data_ptr());
        assert!(!one.requires_grad() && !other.requires_grad());
    }
    assert!(!frozen.gradient().defined() && !shared.gradient().defined());
    assert!(shared.gradient_host().is_empty() && shared.with_host_gradient(<[f32]>::is_empty));
    shared.zero_grad();
    let step = Tensor::from_slice(&[1f32; 8]);
    let refusals = [
        shared.add(&step),
        shared.load_host(&[0.0; 8]),
        shared.load_named(named),
        shared.change_host(|_| ()),
        shared.change_host_gradient(|_| ()),
        shared.accumulate(&[step]),
    ];
    assert!(refusals.iter().all(|refusal| matches!(refusal, Err(Error::Frozen))), "{refusals:?}");
    assert_eq!(frozen.to_host(), vector().to_host());
    // A trainable vector can still change.
    assert!(matches!(vector().share(), Err(Error::NotFrozen)));
    let none: [(&str, &[usize], &[f32]); 0] = [];
    assert!(matches!(
        ParameterVector::frozen(parameters(), none, Device::Cpu),
        Err(Error::MissingParameter { name }) if name == "weight"
    ));
}
