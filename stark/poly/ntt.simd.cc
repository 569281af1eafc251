#include "stark/poly/ntt_kernels.h"
#include "stark/simd/simd.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

constexpr size_t kRowWords = 16;
// Sections of rows up to this many stay in the L1 cache through all their steps.
constexpr int kLogL1Rows = 7;

// The twiddles of one j of a step, as NttPlan lays them out.
struct StepTwiddles {
  const uint32_t* w;
  const uint32_t* w_mu;

  ZKVM_SIMD_INLINE PShoupFactor operator[](int q) const {
    return {broadcast_split(w[q]), broadcast(w_mu[q])};
  }
};

// Whether twiddle q = 2^m + low of a bare step is 1.
constexpr bool is_one(int q) { return (q & (q - 1)) == 0; }

// Layers R - 1 .. 0 on x[0 .. 2^R), canonical in and out.
template <int R, bool kBare>
ZKVM_SIMD_INLINE void frequency_butterflies(U32* x, StepTwiddles twiddles) {
#pragma GCC unroll 4
  for (int m = R - 1; m >= 0; --m) {
#pragma GCC unroll 16
    for (int k = 0; k < 1 << R; ++k) {
      if (k >> m & 1) continue;
      const int q = (1 << m) + (k & ((1 << m) - 1));
      const U32 u = x[k], v = x[k | 1 << m];
      x[k] = subtract_p_once(u + v);
      x[k | 1 << m] = kBare && is_one(q) ? add_p_if_negative(u - v)
                                         : times(u + (broadcast(Fp::kModulus) - v), twiddles[q]).v;
    }
  }
}

// Layers 0 .. R - 1 on x[0 .. 2^R), canonical in and out. What the next layer multiplies stays
// unreduced, in [0, 2p): that is half of all sums.
template <int R, bool kBare>
ZKVM_SIMD_INLINE void time_butterflies(U32* x, StepTwiddles twiddles) {
#pragma GCC unroll 4
  for (int m = 0; m < R; ++m) {
#pragma GCC unroll 16
    for (int k = 0; k < 1 << R; ++k) {
      if (k >> m & 1) continue;
      const int q = (1 << m) + (k & ((1 << m) - 1)), other = k | 1 << m;
      const U32 u = x[k];
      const U32 v = kBare && is_one(q) ? x[other] : times(x[other], twiddles[q]).v;
      const bool next_multiplies = m + 1 < R && (k >> (m + 1) & 1);
      const int next_q = (2 << m) + (k & ((2 << m) - 1));  // of x[k]; that of x[other] is never 1
      x[k] = next_multiplies && !(kBare && is_one(next_q)) ? u + v : subtract_p_once(u + v);
      x[other] = next_multiplies ? u + (broadcast(Fp::kModulus) - v) : add_p_if_negative(u - v);
    }
  }
}

// NttPass::next as far as it was not prefetched yet. All steps of a pass take their share of it: in
// one burst more lines would be asked for than can be on their way at a time.
struct Fetch {
  const uint32_t* at;
  size_t stride;
  size_t left;

  ZKVM_SIMD_INLINE void some(size_t count) {
    for (; count > 0 && left > 0; --count, --left, at += stride) {
      prefetch_l2(at);
      prefetch_l2(at + kRowWords);
    }
  }
};

struct StepRows {
  const uint32_t* src;
  size_t src_stride;
  uint32_t* dst;
  size_t dst_stride;
};

// One step over 2^log_rows rows.
template <int R, bool kFrequency, bool kBare, bool kFactors, bool kStream>
void step(const StepRows& rows, int log_rows, const NttPlan::Step& shape, const NttPass& pass,
          Fetch& fetch) {
  constexpr size_t kRadix = size_t{1} << R;
  const NttTwiddlesView& all = pass.twiddles;
  const size_t stride = size_t{1} << shape.log_stride, count = size_t{1} << log_rows;
  const auto steps = static_cast<size_t>(pass.plan->steps);
  const size_t fetches = (kRadix / 2 + steps - 1) / steps;
  for (size_t j = 0; j < stride; ++j) {
    const StepTwiddles twiddles{all.w + shape.offset + (j << R),
                                all.w_mu + shape.offset + (j << R)};
    for (size_t base = j; base < count; base += stride << R) {
      fetch.some(fetches);
      const uint32_t* src = rows.src + base * rows.src_stride;
      uint32_t* dst = rows.dst + base * rows.dst_stride;
      const size_t src_step = stride * rows.src_stride, dst_step = stride * rows.dst_stride;
      alignas(64) uint32_t staged[kRadix * kRowWords];  // streamed lines must be written whole
      for (size_t lane = 0; lane < kRowWords; lane += kLanes) {
        U32 x[kRadix] = {};
        if (lane < pass.used_words) {
#pragma GCC unroll 16
          for (size_t k = 0; k < kRadix; ++k) {
            x[k] = load(src + k * src_step + lane);
            if constexpr (kFactors) x[k] = times(x[k], broadcast(pass.first_factors[k])).v;
          }
          if constexpr (kFrequency) {
            frequency_butterflies<R, kBare>(x, twiddles);
          } else {
            time_butterflies<R, kBare>(x, twiddles);
          }
        }
#pragma GCC unroll 16
        for (size_t k = 0; k < kRadix; ++k) {
          if constexpr (kStream && kVectorsPerRow > 1) {
            store(staged + k * kRowWords + lane, x[k]);
          } else if constexpr (kStream) {
            stream(dst + k * dst_step + lane, x[k]);
          } else {
            store(dst + k * dst_step + lane, x[k]);
          }
        }
      }
      if constexpr (kStream && kVectorsPerRow > 1) {
        for (size_t k = 0; k < kRadix; ++k) {
          for (size_t lane = 0; lane < kRowWords; lane += kLanes) {
            stream(dst + k * dst_step + lane, load(staged + k * kRowWords + lane));
          }
        }
      }
    }
  }
}

using StepFunction = void (*)(const StepRows&, int, const NttPlan::Step&, const NttPass&, Fetch&);

template <bool kFrequency, bool kBare, bool kFactors, bool kStream>
constexpr StepFunction kByRadix[] = {
    &step<1, kFrequency, kBare, kFactors, kStream>, &step<2, kFrequency, kBare, kFactors, kStream>,
    &step<3, kFrequency, kBare, kFactors, kStream>, &step<4, kFrequency, kBare, kFactors, kStream>};

template <bool kFrequency, bool kFactors>
void run_step(const StepRows& rows, int log_rows, int s, const NttPass& pass, bool stream,
              Fetch& fetch) {
  const bool bare = s == 0 && pass.bare_first_step;
  const auto& by_radix = bare && stream ? kByRadix<kFrequency, true, kFactors, true>
                         : bare         ? kByRadix<kFrequency, true, kFactors, false>
                         : stream       ? kByRadix<kFrequency, false, kFactors, true>
                                        : kByRadix<kFrequency, false, kFactors, false>;
  const NttPlan::Step& shape = pass.plan->step[s];
  by_radix[shape.radix_log - 1](rows, log_rows, shape, pass, fetch);
}

int log_section(const NttPlan::Step& top) { return top.log_stride + top.radix_log; }

// Where step s of a section of rows that starts at row `first` reads and writes: the pass's first
// step reads src, its last one writes dst, what is between stays in scratch.
StepRows step_rows(const NttPass& pass, size_t first, bool reads_src, bool writes_dst) {
  uint32_t* scratch = pass.scratch + first * kRowWords;
  StepRows rows{scratch, kRowWords, scratch, kRowWords};
  if (reads_src) {
    rows.src = pass.src + first * pass.src_stride;
    rows.src_stride = pass.src_stride;
  }
  if (writes_dst) {
    rows.dst = pass.dst + first * pass.dst_stride;
    rows.dst_stride = pass.dst_stride;
  }
  return rows;
}

void inverse_step(const NttPass& pass, int s, int log_rows, size_t first, Fetch& fetch) {
  const StepRows rows = step_rows(pass, first, s == pass.plan->steps - 1, s == 0);
  run_step<true, false>(rows, log_rows, s, pass, s == 0 && pass.stream, fetch);
}

void forward_step(const NttPass& pass, int s, int log_rows, size_t first, Fetch& fetch) {
  const bool writes_dst = s == pass.plan->steps - 1;
  const StepRows rows = step_rows(pass, first, s == 0, writes_dst);
  const auto run =
      s == 0 && pass.first_factors != nullptr ? &run_step<false, true> : &run_step<false, false>;
  run(rows, log_rows, s, pass, writes_dst && pass.stream, fetch);
}

// Steps top .. 0 on one section. A section that exceeds the L1 cache is cut by its first step into
// parts, and each is taken to its end before the next.
void inverse_section(const NttPass& pass, int top, size_t first, Fetch& fetch) {
  const NttPlan::Step& shape = pass.plan->step[top];
  const int log_rows = log_section(shape);
  inverse_step(pass, top, log_rows, first, fetch);
  if (log_rows <= kLogL1Rows) {
    for (int s = top - 1; s >= 0; --s) inverse_step(pass, s, log_rows, first, fetch);
  } else if (top > 0) {
    for (size_t part = 0; part < size_t{1} << shape.radix_log; ++part) {
      inverse_section(pass, top - 1, first + (part << shape.log_stride), fetch);
    }
  }
}

// Steps 0 .. top on one section, parts first.
void forward_section(const NttPass& pass, int top, size_t first, Fetch& fetch) {
  const NttPlan::Step& shape = pass.plan->step[top];
  const int log_rows = log_section(shape);
  if (log_rows <= kLogL1Rows) {
    for (int s = 0; s < top; ++s) forward_step(pass, s, log_rows, first, fetch);
  } else if (top > 0) {
    for (size_t part = 0; part < size_t{1} << shape.radix_log; ++part) {
      forward_section(pass, top - 1, first + (part << shape.log_stride), fetch);
    }
  }
  forward_step(pass, top, log_rows, first, fetch);
}

Fetch fetch_of(const NttPass& pass) {
  return {pass.next, 2 * pass.src_stride,
          pass.next == nullptr ? 0 : size_t{1} << pass.plan->log_rows >> 1};
}

void inverse_pass(const NttPass& pass) {
  Fetch fetch = fetch_of(pass);
  inverse_section(pass, pass.plan->steps - 1, 0, fetch);
}
void forward_pass(const NttPass& pass) {
  Fetch fetch = fetch_of(pass);
  forward_section(pass, pass.plan->steps - 1, 0, fetch);
}

void scale_twiddles(const NttPlan& plan, const uint32_t* bare_w, const ShoupFactor* bases,
                    uint32_t* out_w, uint32_t* out_w_mu) {
  for (int s = 0; s < plan.steps; ++s) {
    const NttPlan::Step& shape = plan.step[s];
    // Of word q, which repeats with period 2^radix_log.
    alignas(64) uint32_t base_w[16], base_w_mu[16];
    for (int i = 0; i < 16; ++i) {
      const uint32_t q = static_cast<uint32_t>(i) & ((1u << shape.radix_log) - 1);
      const int m = q == 0 ? 0 : 31 - __builtin_clz(q);
      base_w[i] = bases[shape.log_stride + m].w;
      base_w_mu[i] = bases[shape.log_stride + m].w_mu;
    }
    const size_t words = size_t{1} << (shape.log_stride + shape.radix_log);
    for (size_t i = 0; i < words; i += 16) {
      for (size_t lane = 0; lane < 16; lane += kLanes) {
        const PShoupFactor base{split(load(base_w + lane)), load(base_w_mu + lane)};
        const size_t at = shape.offset + i + lane;
        const PFp w = times(load(bare_w + at), base);
        store(out_w + at, w.v);
        store(out_w_mu + at, mul_low(w.v, broadcast(Fp::kModulusInverse)));
      }
    }
  }
}

void scale_rows(uint32_t* rows, size_t count, ShoupFactor factor) {
  const PShoupFactor packed = broadcast(factor);
  for (size_t i = 0; i < count * kRowWords; i += kLanes)
    store(rows + i, times(load(rows + i), packed).v);
}

void add_rows(uint32_t* rows, const uint32_t* at, const uint32_t* addends, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    for (size_t lane = 0; lane < kRowWords; lane += kLanes) {
      uint32_t* word = rows + at[i] * kRowWords + lane;
      store(word, (load_fp(word) + load_fp(addends + i * kRowWords + lane)).v);
    }
  }
}

void weighted_sum(const uint32_t* rows, const uint32_t* weights, size_t count, uint32_t* out) {
  for (size_t lane = 0; lane < kRowWords; lane += kLanes) {
    CentredAcc acc;
    for (size_t i = 0; i < count; ++i) {
      if (i >= 8 && i % 4 == 0) acc.fold();
      acc.mac(split(centred(load_fp(rows + i * kRowWords + lane))), broadcast_split(weights[i]));
    }
    store(out + lane, acc.reduce().v);
  }
}

void fence() { stream_fence(); }

}  // namespace

extern const NttKernels ntt_kernels = {
    .inverse = &inverse_pass,
    .forward = &forward_pass,
    .scale_twiddles = &scale_twiddles,
    .scale_rows = &scale_rows,
    .add_rows = &add_rows,
    .weighted_sum = &weighted_sum,
    .stream_fence = &fence,
};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
