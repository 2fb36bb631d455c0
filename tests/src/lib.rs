//! Tests of Heschl from outside.
