// How a transform of 2^log_rows rows is cut into radix steps, and where each step finds its
// twiddles. Shared by the code that makes tables (ntt.cc) and the kernels that read them
// (ntt.simd.cc); plain data.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zkvm::stark {

// Layer l of a transform combines rows j and j + 2^l (j < 2^l, in each section of 2^(l+1) rows)
// with the twiddle (l, j). A step does `radix_log` layers at once, log_stride and up, on 2^radix_log
// rows in registers, which are 2^log_stride apart. Its twiddles stand together: for j <
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

}  // namespace zkvm::stark
