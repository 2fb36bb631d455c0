//! Minimising an energy without ever flipping a triangle.
//!
//! Source: Nocedal and Wright (2006), Numerical Optimization, chapter 7 (limited-memory BFGS).

use std::collections::VecDeque;

use rayon::prelude::*;

use super::energy::{Energy, Slope};
use super::solver::{EdgeMatrix, Factor};
use super::vectors::{BLOCK, Plane, add, dot, sum};

/// Steps that are remembered.
const N_REMEMBERED: usize = 8;
/// Of the way to the first flip, at most this share is gone.
const LARGEST_SHARE: f64 = 0.8;
/// A step must lower the energy by this share of what the slope promises.
const LEAST_GAIN: f64 = 1e-4;

/// The inverse of a matrix that resembles the energy's second derivative.
pub(super) struct Preconditioner {
    slow: Factor,
    fast: Vec<f64>,
}

impl Preconditioner {
    pub(super) fn new(energy: &Energy<'_>, edges: &[[u32; 2]]) -> Self {
        let stiffness = energy.stiffness(edges);
        // The energy does not change when the map is moved.
        let diagonal: Vec<f64> = stiffness
            .diagonal
            .iter()
            .map(|value| 1e-6 * value)
            .collect();
        let slow = Factor::new(&EdgeMatrix {
            edges,
            weights: &stiffness.weights,
            diagonal: &diagonal,
        });
        Self {
            slow,
            fast: stiffness.diagonal,
        }
    }

    fn apply(&self, gradient: &[[f64; 2]]) -> Plane {
        let mut solved = gradient.to_vec();
        self.slow.solve(&mut solved);
        let blocks = solved
            .par_chunks_mut(BLOCK)
            .zip(gradient.par_chunks(BLOCK))
            .zip(self.fast.par_chunks(BLOCK));
        blocks.for_each(|((solved, gradient), stiffness)| {
            for ((solved, gradient), stiffness) in solved.iter_mut().zip(gradient).zip(stiffness) {
                solved[0] += gradient[0] / stiffness;
                solved[1] += gradient[1] / stiffness;
            }
        });
        solved
    }
}

/// A step and the change of the gradient along it.
struct Remembered {
    step: Plane,
    change: Plane,
    product: f64,
}

/// Limited-memory BFGS from a map without flips.
pub(super) struct Descent<'a> {
    energy: &'a Energy<'a>,
    preconditioner: &'a Preconditioner,
    pub(super) map: Plane,
    pub(super) slope: Slope,
    remembered: VecDeque<Remembered>,
    /// Factor of the preconditioner that fits the last change. Without it, three times as many steps are taken.
    scale: f64,
}

impl<'a> Descent<'a> {
    pub(super) fn new(
        energy: &'a Energy<'a>,
        preconditioner: &'a Preconditioner,
        map: Plane,
    ) -> Self {
        let slope = energy.at(&map);
        Self {
            energy,
            preconditioner,
            map,
            slope,
            remembered: VecDeque::new(),
            scale: 1.0,
        }
    }

    /// Takes one step. Returns by how much the energy fell; 0 if no step lowers it.
    pub(super) fn step(&mut self) -> f64 {
        let before = self.slope.energy;
        let direction = self.direction();
        if !self.walk(&direction) {
            if self.remembered.is_empty() {
                return 0.0;
            }
            // What is remembered misleads; begin anew.
            self.remembered.clear();
            let direction = self.direction();
            if !self.walk(&direction) {
                return 0.0;
            }
        }
        before - self.slope.energy
    }

    fn direction(&self) -> Plane {
        let mut rest = self.slope.gradient.clone();
        let mut shares = Vec::with_capacity(self.remembered.len());
        for known in self.remembered.iter().rev() {
            let share = dot(&known.step, &rest) / known.product;
            add(&mut rest, -share, &known.change);
            shares.push(share);
        }
        let mut direction = self.preconditioner.apply(&rest);
        for value in direction.iter_mut().flatten() {
            *value *= self.scale;
        }
        for (known, share) in self.remembered.iter().zip(shares.into_iter().rev()) {
            let other = dot(&known.change, &direction) / known.product;
            add(&mut direction, share - other, &known.step);
        }
        for value in direction.iter_mut().flatten() {
            *value = -*value;
        }
        direction
    }

    /// Goes along a direction as far as the energy falls. Returns whether it did.
    fn walk(&mut self, direction: &[[f64; 2]]) -> bool {
        let promise = dot(&self.slope.gradient, direction);
        if promise >= 0.0 || !promise.is_finite() {
            return false;
        }
        let longest = self.energy.longest_step(&self.map, direction);
        let mut length = (LARGEST_SHARE * longest).min(1.0);
        for _ in 0..40 {
            let map = sum(&self.map, length, direction);
            let slope = self.energy.at(&map);
            if slope.energy <= self.slope.energy + LEAST_GAIN * length * promise {
                self.remember(direction, length, &slope);
                self.map = map;
                self.slope = slope;
                return true;
            }
            length *= 0.5;
        }
        false
    }

    fn remember(&mut self, direction: &[[f64; 2]], length: f64, slope: &Slope) {
        let zero = vec![[0.0; 2]; direction.len()];
        let step = sum(&zero, length, direction);
        let change = sum(&slope.gradient, -1.0, &self.slope.gradient);
        let product = dot(&step, &change);
        if product > 0.0 {
            self.scale = product / dot(&change, &self.preconditioner.apply(&change));
            if self.remembered.len() == N_REMEMBERED {
                self.remembered.pop_front();
            }
            self.remembered.push_back(Remembered {
                step,
                change,
                product,
            });
        }
    }
}
