// The inner loops of NTT and LDE, one tile at a time. Rows are 16 words; strides count words.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stark/field/factor.h"
#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

// Layer l of a transform combines rows j and j + 2^l (j < 2^l, in each section of 2^(l+1) rows)
// with the twiddle (l, j). A step does `radix_log` layers at once, log_stride and up, on
// 2^radix_log rows in registers, which are 2^log_stride apart. Its twiddles stand together: for j <
// 2^log_stride, at words[offset + (j << radix_log) + q], q = 2^m + low is the twiddle (log_stride +
// m, j + low 2^log_stride). q = 0 is unused.
struct NttPlan {
  static constexpr int kMaxLogRows = 14;
  static constexpr int kMaxRadixLog = 4;
  struct Step {
    int radix_log;
    int log_stride;
    size_t offset;  // in words, a multiple of 16
  };

  int log_rows = 0;
  int steps = 0;
  Step step[6] = {};         // step[0] has log_stride 0
  size_t twiddle_words = 0;  // a multiple of 16

  // Radix 8 throughout, with what is left over in the first step: 8 rows of 16 columns and their
  // twiddles fit the registers of AVX2, and the first step's twiddles are shared by all its rows.
  // REQUIRES: 0 <= log_rows <= 14.
  static constexpr NttPlan make(int log_rows) {
    NttPlan plan;
    plan.log_rows = log_rows;
    for (int done = 0; done < log_rows;) {
      const int left = log_rows - done;
      const int radix_log = done > 0 || left % 3 == 0 ? 3 : left % 3 == 2 ? 2 : left == 1 ? 1 : 4;
      plan.step[plan.steps++] = {radix_log, done, plan.twiddle_words};
      const size_t words = size_t{1} << (done + radix_log);
      plan.twiddle_words += words < 16 ? 16 : words;
      done += radix_log;
    }
    return plan;
  }
};

// The words and w_mu words (factor.h) of a plan's twiddles.
struct NttTwiddlesView {
  const uint32_t* w;
  const uint32_t* w_mu;
};

// A transform over 2^plan->log_rows rows of one tile. src may be dst; scratch is neither.
struct NttPass {
  const NttPlan* plan;
  NttTwiddlesView twiddles;
  const uint32_t* src;
  size_t src_stride;
  uint32_t* dst;
  size_t dst_stride;
  uint32_t* scratch;  // 2^log_rows rows
  // How many words of a row hold columns. The others are zero, here and there.
  size_t used_words;
  // Whether the twiddles of step 0 are bare powers of roots, so that those with low = 0 are 1.
  bool bare_first_step;
  // forward only: factors of the 2^radix_log rows of each section of step 0, or null.
  const ShoupFactor* first_factors;
  // Whether dst is not read again soon: it is written past the caches. The caller fences.
  bool stream;
  // What this thread will read next: every other row with src_stride, and the 16 words after each;
  // brought to the L2 cache meanwhile. Null: nothing.
  const uint32_t* next;
};

struct NttKernels {
  // Decimation in frequency: natural order in, bit-reversed out. Rows u, v of layer l, from the top
  // layer down, become u + v and (u - v) * twiddle.
  void (*inverse)(const NttPass& pass);
  // Decimation in time: bit-reversed in, natural out. Rows u, v of layer l, from layer 0 up, become
  // u + v * twiddle and u - v * twiddle. Rows of src may be sums of two canonical words if
  // first_factors is given.
  void (*forward)(const NttPass& pass);
  // out = bare_w with the twiddles of layer l multiplied by bases[l]; out arrays as long as the
  // plan says.
  void (*scale_twiddles)(const NttPlan& plan, const uint32_t* bare_w, const ShoupFactor* bases,
                         uint32_t* out_w, uint32_t* out_w_mu);
  // row[i] = row[i] * factor, contiguous rows.
  void (*scale_rows)(uint32_t* rows, size_t count, ShoupFactor factor);
  // row[at[i]] += addends[i], contiguous rows, 16 words each.
  void (*add_rows)(uint32_t* rows, const uint32_t* at, const uint32_t* addends, size_t count);
  // out[0..16) = sum over i < count of weights[i] * row i. Weights are centred words (simd.h).
  void (*weighted_sum)(const uint32_t* rows, const uint32_t* weights, size_t count, uint32_t* out);
  void (*stream_fence)();
};
ZKVM_SIMD_KERNELS(NttKernels, ntt_kernels);

}  // namespace zkvm::stark
