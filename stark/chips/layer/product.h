// The products of a layer, one row a quad and a tap of it: sums of activations times sums of weights,
// instead of one product for each position, channel and output.
//
//   first real | clk key left | quad mu_power lambda_power |
//   late: x0[5] .. x3[5] v0[5] .. v3[5] shift[5] scale[5] total[5]
//
// With what it finds: x of the quad (read.h), v of the weights `key` (layer_tables.h), shift = mu to the
// power D - d_t, scale = lambda to the power of a group's outputs where the next row begins another
// group, else 1,
//
//   total = shift sum over k of x_k v_k + scale next.total
//
// The first row sends total. Buses: job 1, activations 1, weights 1, powers 2, total 1.
//
// Why it is sound: clk, key and left follow from the job, which is received once; quad and exponents
// are fixed columns of the weights' table, under the key. x, v, shift and scale are received under keys
// that one row each has, and do not depend on this table; total is determined by its own row and the
// later ones of the job. Late degree: of a job whose last row is reached, total has at most the degree
// of the identity that it is one side of (layers.md), which the tables of what is written count; here
// 1, the least.
#pragma once

#include "stark/chips/layer/buses.h"
#include "stark/chips/layer/jobs.h"
#include "stark/chips/words.h"

namespace zkvm::stark::chips {

/// Of a row of products, wherever its weights come from: all but the job's tuple, v and what is sent.
template <class B, class Row>
[[gnu::always_inline]] inline void add_products(B& air, const Row& row, const Row& next) {
  using E = Expr<B>;
  const E job = assert_job<B>(air, row.first, row.real, row.left, next.first, next.real, next.left,
                              "all products", "next product");
  air.assert_zero("next key", job * (next.key - row.key - 1));
  air.assert_zero("constants of a job", job * (next.clk - row.clk));
  const auto &x = row.x, &v = row.v;
  const auto &m = row.shift.c, &s = row.scale.c;
  air.send(kActivations, row.real, activations_tuple(row.clk, E(0), row.quad, x).values);
  air.send(kPower, row.real, {kMu, row.mu_power, m[0], m[1], m[2], m[3], m[4]});
  air.send(kPower, row.real, {kLambda, row.lambda_power, s[0], s[1], s[2], s[3], s[4]});
  air.assert_zero("total", row.total -
                               row.shift * (x[0] * v[0] + x[1] * v[1] + x[2] * v[2] + x[3] * v[3]) -
                               job * (row.scale * next.total));
}

struct LayerProduct {
  static constexpr const char* kName = "layer product";
  static constexpr const char* kColumns =
      "first real clk key left quad mu_power lambda_power x0[5] x1[5] x2[5] x3[5] v0[5] v1[5] "
      "v2[5] "
      "v3[5] shift[5] scale[5] total[5]";
  static constexpr uint16_t kLateWidth = 55;
  static constexpr uint32_t kLateDegree = 1;
  template <class T>
  struct Cols {
    T first, real;
    T clk, key, left;
    T quad, mu_power, lambda_power;
    Ext<T> x[4], v[4], shift, scale, total;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    add_products(air, row, next);
    air.receive(kLayerProducts, row.first, {row.clk, row.key, row.left});
    air.send(kWeights, row.real,
             weights_tuple(row.key, row.quad, row.mu_power, row.lambda_power, row.v).values);
    const auto& t = row.total.c;
    air.send(kLayerTotal, row.first, {row.clk, t[0], t[1], t[2], t[3], t[4]});
  }
};

/// The same of weights in memory: v is what read_weights.h sends under (clk, left), quad and exponents
/// what a fixed list has under the key. The first row sends the total and, where `biased` is 1, the sum of
/// biases (bias.h) with it. Buses: job 1, activations 1, product 1, weights 1, powers 2, biases 1, total 1.
/// SOUNDNESS: `biased` is the job's, 0 where the row is not the first, and `bias` 0 where biased is.
struct LayerProductMemory {
  static constexpr const char* kName = "layer product memory";
  static constexpr const char* kColumns =
      "first real biased clk key left quad mu_power lambda_power x0[5] x1[5] x2[5] x3[5] v0[5] "
      "v1[5] v2[5] v3[5] shift[5] scale[5] total[5] bias[5]";
  static constexpr uint16_t kLateWidth = 60;
  static constexpr uint32_t kLateDegree = 1;
  template <class T>
  struct Cols {
    T first, real, biased;
    T clk, key, left;
    T quad, mu_power, lambda_power;
    Ext<T> x[4], v[4], shift, scale, total, bias;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    add_products(air, row, next);
    air.receive(kMemoryProducts, row.first, {row.clk, row.key, row.left, row.biased});
    air.send(kProduct, row.real, {row.key, row.quad, row.mu_power, row.lambda_power});
    air.receive(kMemoryWeights, row.real, memory_weights_tuple(row.clk, row.left, row.v).values);
    air.assert_bool("biased", row.biased);
    air.assert_bool("biased", row.first - row.biased);
    air.assert_zero("no biases", (1 - row.biased) * row.bias);
    const auto& b = row.bias.c;
    air.receive(kBiasSum, row.biased, {row.clk, b[0], b[1], b[2], b[3], b[4]});
    const auto sum = row.total + row.bias;
    const auto& t = sum.c;
    air.send(kLayerTotal, row.first, {row.clk, t[0], t[1], t[2], t[3], t[4]});
  }
};

}  // namespace zkvm::stark::chips
