#include "host/import/lower/functions.h"

#include <cmath>
#include <limits>

namespace zkvm::importer::lowering {

namespace {

constexpr double kLog2 = 0.693147180559945309417232;

double exp_d(double x) {
  if (std::isnan(x)) return x;
  if (x > 709) return std::numeric_limits<double>::infinity();
  if (x < -745) return 0;
  const double n = std::floor(x / kLog2 + 0.5);
  // n log 2 in two parts, the first of which is exact.
  constexpr double kHigh = 0x1.62e42fee00000p-1, kLow = 1.90821492927058770002e-10;
  const double r = (x - n * kHigh) - n * kLow;
  double sum = 0;
  for (int i = 20; i >= 1; --i) sum = (sum + 1) * r / i;
  return std::ldexp(1 + sum, static_cast<int>(n));
}

double log_d(double x) {
  if (std::isnan(x) || x < 0) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0) return -std::numeric_limits<double>::infinity();
  if (std::isinf(x)) return x;
  int exponent = 0;
  double m = std::frexp(x, &exponent);  // [1/2, 1)
  if (m < 0.70710678118654752) {
    m *= 2;
    --exponent;
  }
  const double s = (m - 1) / (m + 1), square = s * s;  // |s| < 0.172
  double sum = 0;
  for (int i = 25; i >= 1; i -= 2) sum = sum * square + 1.0 / i;
  return 2 * s * sum + exponent * kLog2;
}

// exp(x) - 1 without cancellation near 0.
double expm1_d(double x) {
  if (std::abs(x) > 0.5) return exp_d(x) - 1;
  double sum = 0;
  for (int i = 18; i >= 1; --i) sum = (sum + 1) * x / i;
  return sum;
}

double tanh_d(double x) {
  if (x > 20) return 1;
  if (x < -20) return -1;
  const double e = expm1_d(2 * x);
  return e / (e + 2);
}

double sigmoid_d(double x) { return x < 0 ? exp_d(x) / (1 + exp_d(x)) : 1 / (1 + exp_d(-x)); }

double log1p_d(double x) {
  if (x > 1e-3) return log_d(1 + x);
  double sum = 0;
  for (int i = 8; i >= 1; --i) sum = 1.0 / i - x * sum;
  return x * sum;
}

double erf_d(double x) {
  constexpr double kTwoBySqrtPi = 1.12837916709551257390;
  const double a = std::abs(x);
  if (std::isnan(x)) return x;
  if (a > 6) return x > 0 ? 1 : -1;
  double result = 0;
  if (a < 3) {
    // exp(-x^2) sum of 2^n x^(2n+1) / (1 3 5 ..): all terms positive.
    double term = a, sum = a;
    for (int n = 1; n < 100; ++n) {
      term *= 2 * a * a / (2 * n + 1);
      sum += term;
    }
    result = kTwoBySqrtPi * exp_d(-a * a) * sum;
  } else {
    // erfc as a continued fraction.
    double fraction = 0;
    for (int n = 60; n >= 1; --n) fraction = n / 2.0 / (a + fraction);
    result = 1 - exp_d(-a * a) * kTwoBySqrtPi / 2 / (a + fraction);
  }
  return x < 0 ? -result : result;
}

}  // namespace

float exp_f(float x) { return static_cast<float>(exp_d(x)); }
float log_f(float x) { return static_cast<float>(log_d(x)); }
float tanh_f(float x) { return static_cast<float>(tanh_d(x)); }
float sigmoid_f(float x) { return static_cast<float>(sigmoid_d(x)); }
float erf_f(float x) { return static_cast<float>(erf_d(x)); }
float softplus_f(float x) {
  const double d = x;
  return static_cast<float>(d > 0 ? d + log1p_d(exp_d(-d)) : log1p_d(exp_d(d)));
}
float pow_f(float x, float y) {
  if (y == 1.0f) return x;
  if (y == 2.0f) return x * x;
  if (y == 3.0f) return x * x * x;
  if (y == 0.5f) return std::sqrt(x);
  if (y == 0.0f) return 1;
  const bool is_whole = std::floor(y) == y;
  const bool is_odd = is_whole && std::fmod(std::abs(y), 2.0f) == 1;
  if (x == 0.0f) return y > 0 ? (is_odd ? x : 0.0f) : std::numeric_limits<float>::infinity();
  if (x < 0 && !is_whole) return std::numeric_limits<float>::quiet_NaN();
  const double magnitude = exp_d(double{y} * log_d(std::abs(double{x})));
  return static_cast<float>(x < 0 && is_odd ? -magnitude : magnitude);
}
float gelu_f(float x) {
  constexpr float kSqrtHalf = 0.70710678118654752f;
  return 0.5f * x * (1.0f + erf_f(x * kSqrtHalf));
}

}  // namespace zkvm::importer::lowering
