// Functions of float32 that give the same bits on every machine: computed in float64 by series of our own, with an
// error of some 2^-50, then rounded. (The C library's differ between versions and CPUs.)
#pragma once

namespace zkvm::importer::lowering {

float exp_f(float x);
float log_f(float x);  // -inf at 0, NaN below
float tanh_f(float x);
float sigmoid_f(float x);
float erf_f(float x);
float softplus_f(float x);
float pow_f(float x, float y);
float gelu_f(float x);  // with erf

}  // namespace zkvm::importer::lowering
