// Layers of a program's LAYERS (zkvm_add_guest), one call each, or one for each part. The functions are those of
// conv2d.h, dense.h, pool.h and pair.h, with descriptors in place of parameters. Where the guest is built with TENSOR
// on, the tensor unit computes them, and the weights stand in a section that is not loaded; otherwise, and on the
// host, soft_unit.h does, to the same bytes.
#pragma once

#include <stdint.h>
#include <zk/abi.h>

#include <cstddef>
#include <type_traits>

#include "zk/nn/features.h"
#if !ZK_TENSOR
#include "zk/nn/soft_unit.h"
#endif

namespace zk::nn {

// The layer of number `number` of a blob: reads `in`, writes all pixels of `out`, which does not overlap it. Both
// are writable memory, since what the unit's proof has is memory, not constants.
inline void call_layer(const std::byte* blob, uint32_t number, const void* in, void* out) {
#if ZK_TENSOR
  register uint32_t a0 asm("a0") = reinterpret_cast<uintptr_t>(blob) + number;
  register const void* a1 asm("a1") = in;
  register void* a2 asm("a2") = out;
  register uint32_t a7 asm("a7") = abi::kSysLayer;
  asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
#else
  soft_layer(blob, number, in, out);
#endif
}

// The same of a layer with two inputs, by the system call of its kind: kSysLayerPair, or kSysLayerWeights where b are
// weights, biases included (vm/layer/layer.h).
template <uint32_t kCall>
void call_second(const std::byte* blob, uint32_t number, const void* a, const void* b, void* out) {
#if ZK_TENSOR
  register uint32_t a0 asm("a0") = reinterpret_cast<uintptr_t>(blob) + number;
  register const void* a1 asm("a1") = a;
  register const void* a2 asm("a2") = b;
  register void* a3 asm("a3") = out;
  register uint32_t a7 asm("a7") = kCall;
  asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a7) : "memory");
#else
  soft_pair(blob, number, a, b, out);
#endif
}

// A layer that is too large for one call is cut into parts, of numbers kNumber, kNumber + 1, ..: where the operands of
// one begin in the layer's, in bytes.
struct Part {
  uint32_t in, b, out;
};

// call(number, part) of each part, or of the one call of a layer without parts.
template <int kNumber, Part... kParts, class Call>
[[gnu::always_inline]] inline void for_each_part(Call&& call) {
  if constexpr (sizeof...(kParts) == 0) {
    call(kNumber, Part{0, 0, 0});
  } else {
    uint32_t number = kNumber;
    static constexpr Part kAll[] = {kParts...};
    for (const Part& part : kAll) call(number++, part);
  }
}
inline const void* byte_of(const void* x, uint32_t byte) {
  return static_cast<const std::byte*>(x) + byte;
}
inline void* byte_of(void* x, uint32_t byte) { return static_cast<std::byte*>(x) + byte; }

// A layer of a program: `kBlob` is the symbol zk_layers_NAME of its LAYERS, In and Out are the types of its
// operands: Features, or a Tensor for what no layer reads.
template <const std::byte* kBlob, int kNumber, class In, class Out, Part... kParts>
struct UnitLayer {
  static constexpr bool kIsLayer = true;
  using Input = In;
  using Output = Out;
  static void run(const In& x, Out& y) {
    if constexpr (requires { y.fill_gaps(); }) y.fill_gaps();
    for_each_part<kNumber, kParts...>([&](uint32_t number, Part part) {
      call_layer(kBlob, number, byte_of(&x, part.in), byte_of(&y, part.out));
    });
  }
};

// A layer with two inputs.
template <const std::byte* kBlob, int kNumber, class First_, class Second_, class Out,
          Part... kParts>
struct UnitPair {
  static constexpr bool kIsLayer = true;
  using First = First_;
  using Second = Second_;
  using Output = Out;
  static void run(const First& x, const Second& y, Out& z) {
    if constexpr (requires { z.fill_gaps(); }) z.fill_gaps();
    for_each_part<kNumber, kParts...>([&](uint32_t number, Part part) {
      call_second<abi::kSysLayerPair>(kBlob, number, byte_of(&x, part.in), byte_of(&y, part.b),
                                      byte_of(&z, part.out));
    });
  }
};

// Weights in memory, and biases behind them, as host/layers lays them out (weights_operand): no constants of the
// program, so private where they are input. zk::read<Weights<..>>() moves no byte by an instruction.
template <int kWords_>
struct Weights {
  static constexpr int kWords = kWords_;
  uint32_t words[kWords];
};

// A layer whose weights are an operand of each call.
template <const std::byte* kBlob, int kNumber, class In, class Weights_, class Out, Part... kParts>
struct UnitWeights {
  static constexpr bool kIsLayer = true;
  using Input = In;
  using Weights = Weights_;
  using Output = Out;
  static void run(const In& x, const Weights& w, Out& y) {
    if constexpr (requires { y.fill_gaps(); }) y.fill_gaps();
    for_each_part<kNumber, kParts...>([&](uint32_t number, Part part) {
      call_second<abi::kSysLayerWeights>(kBlob, number, byte_of(&x, part.in), &w,
                                         byte_of(&y, part.out));
    });
  }
};

// Products of two matrices that are both computed, kBatch of them, whose operands and results are the pixels of
// position-major Features, one matrix behind the other: so many pixels apart.
template <const std::byte* kBlob, int kNumber, class First_, class Second_, class Out,
          int kBatch = 1, int kPixelsOfFirst = 0, int kPixelsOfSecond = 0, Part... kParts>
struct UnitMatMul {
  static constexpr bool kIsLayer = true;
  using First = First_;
  using Second = Second_;
  using Output = Out;
  static void run(const First& a, const Second& b, Out& y) {
    if constexpr (requires { y.fill_gaps(); }) y.fill_gaps();
    for (int i = 0; i < kBatch; ++i) {
      const uint32_t* of_a = a.words + i * kPixelsOfFirst * First::kQuads;
      const uint32_t* of_b = b.words + i * kPixelsOfSecond * Second::kQuads;
      uint32_t* of_y = y.words + i * kPixelsOfFirst * Out::kQuads;
      for_each_part<kNumber, kParts...>([&](uint32_t number, Part part) {
        call_second<abi::kSysLayerWeights>(kBlob, number, byte_of(of_a, part.in), of_b,
                                           byte_of(of_y, part.out));
      });
    }
  }
};

template <const auto& kParams>
concept OnUnit = requires { std::remove_cvref_t<decltype(kParams)>::kIsLayer; };

// x in the layout that a layer reads; a Tensor is copied byte by byte.
template <class Input, class X>
decltype(auto) laid_out(const X& x) {
  if constexpr (std::is_same_v<Input, X>) {
    return (x);
  } else {
    static_assert(
        requires { X::kSize, x.data; },
        "zk::nn: this tensor was made for another layer than the model's next one");
    static_assert(
        X::kSize == Input::kSize && std::is_same_v<typename X::Element, typename Input::Element>,
        "zk::nn: the input's type or size is not what the parameters say");
    Input y;
    y.fill_gaps();
    y.fill_padding();
    const auto* next = x.data;
    for (int channel = 0; channel < Input::kChannels; ++channel) {
      for (int i = 0; i < Input::kHeight; ++i) {
        for (int j = 0; j < Input::kWidth; ++j) y.set(channel, i, j, *next++);
      }
    }
    return y;
  }
}

template <const auto& kParams, class X>
auto run_on_unit(const X& x) {
  using L = std::remove_cvref_t<decltype(kParams)>;
  typename L::Output y;
  L::run(laid_out<typename L::Input>(x), y);
  return y;
}

template <const auto& kParams, class X>
auto run_on_unit(const X& x, const typename std::remove_cvref_t<decltype(kParams)>::Weights& w) {
  using L = std::remove_cvref_t<decltype(kParams)>;
  typename L::Output y;
  L::run(laid_out<typename L::Input>(x), w, y);
  return y;
}

template <const auto& kParams, class X, class Y>
auto run_pair_on_unit(const X& x, const Y& y) {
  using L = std::remove_cvref_t<decltype(kParams)>;
  typename L::Output z;
  L::run(laid_out<typename L::First>(x), laid_out<typename L::Second>(y), z);
  return z;
}

template <const auto& kParams, class X, class Y>
  requires OnUnit<kParams>
auto add(const X& x, const Y& y) {
  return run_pair_on_unit<kParams>(x, y);
}

template <const auto& kParams, class X, class Y>
  requires OnUnit<kParams>
auto mul(const X& x, const Y& y) {
  return run_pair_on_unit<kParams>(x, y);
}

// Any function of two bytes.
template <const auto& kParams, class X, class Y>
  requires OnUnit<kParams>
auto pairwise(const X& x, const Y& y) {
  return run_pair_on_unit<kParams>(x, y);
}

template <const auto& kParams, class X>
  requires OnUnit<kParams>
auto dense(const X& x) {
  return run_on_unit<kParams>(x);
}

template <const auto& kParams, class X>
  requires OnUnit<kParams>
auto conv2d(const X& x) {
  return run_on_unit<kParams>(x);
}

// With weights in memory.
template <const auto& kParams, class X, int kWords>
  requires OnUnit<kParams>
auto dense(const X& x, const Weights<kWords>& w) {
  return run_on_unit<kParams>(x, w);
}

template <const auto& kParams, class X, int kWords>
  requires OnUnit<kParams>
auto conv2d(const X& x, const Weights<kWords>& w) {
  return run_on_unit<kParams>(x, w);
}

template <const auto& kParams, class X, class Y>
  requires OnUnit<kParams>
auto mat_mul(const X& x, const Y& y) {
  return run_pair_on_unit<kParams>(x, y);
}

template <const auto& kParams, class X>
  requires OnUnit<kParams>
auto max_pool(const X& x) {
  return run_on_unit<kParams>(x);
}

}  // namespace zk::nn
