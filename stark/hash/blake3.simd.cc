// See blake3_kernels.h. A *stream* is kLanes independent compressions, one in each lane. The
// messages are read from memory, as operands of the additions: on every instruction set the state
// alone fills the registers.
#include "stark/hash/blake3.h"

#include <algorithm>
#include <utility>

#include "stark/hash/blake3_kernels.h"
#include "stark/simd/simd.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

// Streams whose operations are interleaved, to hide latency: as many as there are registers for.
#if defined(ZKVM_SIMD_IS_AVX512)
constexpr int kStreams = 2;
#else
constexpr int kStreams = 1;
#endif

// The 16 message words of a stream: two halves of eight vectors, `stride` words apart.
struct Message {
  const uint32_t* low;
  const uint32_t* high;
  size_t stride;

  ZKVM_SIMD_INLINE U32 word(int i) const {
    return load(i < 8 ? low + static_cast<size_t>(i) * stride
                      : high + static_cast<size_t>(i - 8) * stride);
  }
};

template <int S>
using State = U32[S][16];

// The operands of quarter round `index` of stream `stream`.
struct Quarter {
  int stream, index;
  U32 &a, &b, &c, &d;
};

// Does `step` on the four columns (kShift = 0) or diagonals (kShift = 1) of every stream. Loops would
// be the same code, but take a compiler three times as long.
template <int S, int kShift, class Step, int... k>
ZKVM_SIMD_INLINE void each(State<S>& v, Step step, std::integer_sequence<int, k...>) {
  (step(Quarter{k / 4, k % 4, v[k / 4][k % 4], v[k / 4][4 + (k + kShift) % 4],
                v[k / 4][8 + (k + 2 * kShift) % 4], v[k / 4][12 + (k + 3 * kShift) % 4]}),
   ...);
}
template <int S, int kShift, class Step>
ZKVM_SIMD_INLINE void each(State<S>& v, Step step) {
  each<S, kShift>(v, step, std::make_integer_sequence<int, 4 * S>{});
}

#define ZKVM_STEP [&](Quarter q) ZKVM_SIMD_INLINE_LAMBDA

template <int S, int kRound, int kShift>
ZKVM_SIMD_INLINE void half_round(State<S>& v, const Message* m) {
  constexpr int kFirst = 8 * kShift;
  const auto& schedule = blake3::kSchedule.word[kRound];
  each<S, kShift>(v, ZKVM_STEP { q.a = q.a + m[q.stream].word(schedule[kFirst + 2 * q.index]); });
  each<S, kShift>(v, ZKVM_STEP { q.a = q.a + q.b; });
  each<S, kShift>(v, ZKVM_STEP { q.d = q.d ^ q.a; });
  each<S, kShift>(v, ZKVM_STEP { q.d = rotate_right<16>(q.d); });
  each<S, kShift>(v, ZKVM_STEP { q.c = q.c + q.d; });
  each<S, kShift>(v, ZKVM_STEP { q.b = q.b ^ q.c; });
  each<S, kShift>(v, ZKVM_STEP { q.b = rotate_right<12>(q.b); });
  each<S, kShift>(
      v, ZKVM_STEP { q.a = q.a + m[q.stream].word(schedule[kFirst + 2 * q.index + 1]); });
  each<S, kShift>(v, ZKVM_STEP { q.a = q.a + q.b; });
  each<S, kShift>(v, ZKVM_STEP { q.d = q.d ^ q.a; });
  each<S, kShift>(v, ZKVM_STEP { q.d = rotate_right<8>(q.d); });
  each<S, kShift>(v, ZKVM_STEP { q.c = q.c + q.d; });
  each<S, kShift>(v, ZKVM_STEP { q.b = q.b ^ q.c; });
  each<S, kShift>(v, ZKVM_STEP { q.b = rotate_right<7>(q.b); });
}

template <int S, int kRound>
ZKVM_SIMD_INLINE void round(State<S>& v, const Message* m) {
  half_round<S, kRound, 0>(v, m);
  half_round<S, kRound, 1>(v, m);
}

// Emulated instructions are long: compiling this once, not into each caller, saves half a minute.
#if defined(ZKVM_SIMD_EMULATED)
#define ZKVM_PERMUTE [[gnu::noinline]]
#else
#define ZKVM_PERMUTE ZKVM_SIMD_INLINE
#endif

// Rows 3 and 4 of the state, and the seven rounds. v[s][0..7] holds the chaining value.
template <int S>
ZKVM_PERMUTE void permute(State<S>& v, const Message* m, const U32 (&counter)[S][2],
                          uint32_t length, uint32_t flags) {
  for (int s = 0; s < S; ++s) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) v[s][8 + i] = broadcast(blake3::kIv[i]);
    v[s][12] = counter[s][0];
    v[s][13] = counter[s][1];
    v[s][14] = broadcast(length);
    v[s][15] = broadcast(flags);
  }
  round<S, 0>(v, m);
  round<S, 1>(v, m);
  round<S, 2>(v, m);
  round<S, 3>(v, m);
  round<S, 4>(v, m);
  round<S, 5>(v, m);
  round<S, 6>(v, m);
}

// cv[s] = the compression of a whole block with counter 0, as in all trees. Unrolled at every level
// of optimisation, so that the state is in registers on one lane, too.
template <int S>
ZKVM_SIMD_INLINE void compress(U32 (&cv)[S][8], const Message* m, uint32_t flags) {
  State<S> v;
  U32 counter[S][2];
  for (int s = 0; s < S; ++s) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) v[s][i] = cv[s][i];
    counter[s][0] = counter[s][1] = broadcast(0);
  }
  permute<S>(v, m, counter, blake3::kBlockBytes, flags);
  for (int s = 0; s < S; ++s) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) cv[s][i] = v[s][i] ^ v[s][8 + i];
  }
}

template <int S>
ZKVM_SIMD_INLINE void set_iv(U32 (&cv)[S][8]) {
  for (int s = 0; s < S; ++s) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) cv[s][i] = broadcast(blake3::kIv[i]);
  }
}

// Lanes are numbered through a run of packs; a stream takes kLanes adjacent ones, all in one
// pack.
ZKVM_SIMD_INLINE size_t digest_offset(size_t lane) {
  return lane / kPackLanes * kDigestPackWords + lane % kPackLanes;
}

template <int S>
ZKVM_SIMD_INLINE void store_digests(const U32 (&cv)[S][8], size_t lane, uint32_t* out) {
  for (int s = 0; s < S; ++s) {
    uint32_t* to = out + digest_offset(lane + static_cast<size_t>(s) * kLanes);
    for (size_t i = 0; i < 8; ++i) store(to + i * kPackLanes, cv[s][i]);
  }
}

// Not inlined: compilers compute all its addresses before they know that they are wanted.
[[gnu::noinline]] void gather_words(const uint32_t* from, const RowPiece& piece, uint32_t* to) {
  for (size_t i = 0; i < piece.words; ++i) {
    for (size_t r = 0; r < kLanes; ++r) to[i * kLanes + r] = from[r * piece.row_stride + i];
  }
}

// Writes words 0 .. words - 1 of kLanes rows as vectors to `to`. It may write up to 16 vectors.
ZKVM_SIMD_INLINE void gather(const RowPiece& piece, size_t lane, uint32_t* to) {
  const uint32_t* from =
      piece.first + lane / kPackLanes * piece.pack_stride + lane % kPackLanes * piece.row_stride;
  if (piece.row_stride == 16) {
    U32 columns[16];
    transpose_in(from, 16, columns);
    for (size_t i = 0; i < 16; ++i) store(to + i * kLanes, columns[i]);
    // The same piece of the next stream of lanes, so that it is there when it is wanted.
    for (size_t r = 0; r < kLanes; ++r) prefetch(from + piece.pack_stride + 16 * r);
  } else if (piece.row_stride == 1 && piece.words == 1) {
    store(to, load(from));
  } else {
    gather_words(from, piece, to);
  }
}

// Row hashes of S * kLanes rows from `lane` on.
template <int S>
ZKVM_SIMD_INLINE void hash_some_rows(const RowPiece* pieces, size_t piece_count, size_t blocks,
                                     size_t lane, uint32_t* out) {
  // Vectors not yet compressed: fewer than 16, and what one more piece brings.
  alignas(64) uint32_t pending[S][32 * kLanes];
  Message m[S];
  for (int s = 0; s < S; ++s) m[s] = {pending[s], pending[s] + 8 * kLanes, kLanes};
  U32 cv[S][8];
  set_iv<S>(cv);
  size_t count = 0;  // of vectors in `pending`
  size_t block = 0;
  for (size_t p = 0; p < piece_count || count > 0;) {
    if (p < piece_count) {
      for (int s = 0; s < S; ++s) {
        gather(pieces[p], lane + static_cast<size_t>(s) * kLanes, pending[s] + count * kLanes);
      }
      count += pieces[p++].words;
    } else {
      for (int s = 0; s < S; ++s) {
        for (size_t i = count; i < 16; ++i) store(pending[s] + i * kLanes, broadcast(0));
      }
      count = 16;
    }
    if (count < 16) continue;
    const uint32_t start = block == 0 ? blake3::kChunkStart : 0;
    const uint32_t end = block + 1 == blocks ? blake3::kChunkEnd | blake3::kRoot : 0;
    compress<S>(cv, m, start | end);
    ++block;
    count -= 16;
    for (int s = 0; s < S; ++s) {
      for (size_t i = 0; i < count; ++i) {
        store(pending[s] + i * kLanes, load(pending[s] + (16 + i) * kLanes));
      }
    }
  }
  store_digests<S>(cv, lane, out);
}

void hash_rows(const RowPiece* pieces, size_t piece_count, size_t packs, uint32_t* out) {
  size_t words = 0;
  for (size_t p = 0; p < piece_count; ++p) words += pieces[p].words;
  const size_t blocks = (words + 15) / 16;
  const size_t lanes = packs * kPackLanes;
  size_t lane = 0;
  for (; lane + kStreams * kLanes <= lanes; lane += kStreams * kLanes) {
    hash_some_rows<kStreams>(pieces, piece_count, blocks, lane, out);
  }
  for (; lane < lanes; lane += kLanes) {
    hash_some_rows<1>(pieces, piece_count, blocks, lane, out);
  }
}

template <int S>
ZKVM_SIMD_INLINE void hash_some_nodes(const uint32_t* left, const uint32_t* right, size_t lane,
                                      uint32_t* out) {
  Message m[S];
  for (int s = 0; s < S; ++s) {
    const size_t offset = digest_offset(lane + static_cast<size_t>(s) * kLanes);
    m[s] = {left + offset, right + offset, kPackLanes};
  }
  U32 cv[S][8];
  set_iv<S>(cv);
  compress<S>(cv, m, blake3::kNodeFlags);
  store_digests<S>(cv, lane, out);
}

void hash_nodes(const uint32_t* left, const uint32_t* right, size_t packs, uint32_t* out) {
  const size_t lanes = packs * kPackLanes;
  size_t lane = 0;
  for (; lane + kStreams * kLanes <= lanes; lane += kStreams * kLanes) {
    hash_some_nodes<kStreams>(left, right, lane, out);
  }
  for (; lane < lanes; lane += kLanes) hash_some_nodes<1>(left, right, lane, out);
}

// Writes the digests of the first `live` lanes, one after the other.
ZKVM_SIMD_INLINE void store_packed(const U32 (&cv)[1][8], size_t live, uint32_t* digests) {
  if (kLanes == 1) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) store(digests + i, cv[0][i]);
    return;
  }
  alignas(64) uint32_t rows[16 * kLanes];
  U32 columns[16];
  for (int i = 0; i < 16; ++i) columns[i] = cv[0][i % 8];
  transpose_out<false>(columns, rows, 16);
  for (size_t r = 0; r < live; ++r) {
    for (size_t i = 0; i < 8; ++i) digests[8 * r + i] = rows[16 * r + i];
  }
}

// The hash of a row by the machine's call, if this is a guest and the machine has it.
ZKVM_SIMD_INLINE bool hash_row_by_call(const uint32_t* row, size_t width, uint32_t* digest) {
  constexpr uint8_t kEnd = blake3::kChunkEnd | blake3::kRoot;
  const size_t whole = width / 16, rest = width % 16;
  uint8_t start = blake3::kChunkStart;
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) digest[i] = blake3::kIv[i];
  for (size_t done = 0; done < whole; start = 0) {
    const size_t count = std::min<size_t>(whole - done, zk::abi::kMaxHashBlocks);
    uint8_t last = done + count == whole && rest == 0 ? kEnd : 0;
    if (count == 1) last |= start;
    if (!zk::detail::blake3_call(digest, row + 16 * done, static_cast<uint32_t>(count), 0,
                                 {start, 0, last, blake3::kBlockBytes}))
      return false;
    done += count;
  }
  if (rest == 0) return true;
  uint32_t block[16] = {};
  std::copy_n(row + 16 * whole, rest, block);
  const auto flags = static_cast<uint8_t>(start | kEnd);
  return zk::detail::blake3_call(digest, block, 1, 0, {0, 0, flags, blake3::kBlockBytes});
}

ZKVM_SIMD_INLINE bool hash_node_by_call(const uint32_t* const* children, uint32_t* digest) {
  uint32_t block[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {  // no calls of memmove, as std::copy_n would be
    block[i] = children[0][i];
    block[8 + i] = children[1][i];
    digest[i] = blake3::kIv[i];
  }
  return zk::detail::blake3_call(digest, block, 1, 0,
                                 {0, 0, blake3::kNodeFlags, blake3::kBlockBytes});
}

void hash_packed_rows(const uint32_t* rows, size_t width, size_t count, uint32_t* digests) {
  alignas(64) uint32_t message[16 * kLanes];
  for (size_t row = 0; row < count; row += kLanes) {
    const size_t live = count - row < kLanes ? count - row : kLanes;
    if (kLanes == 1 && hash_row_by_call(rows + row * width, width, digests + 8 * row)) continue;
    U32 cv[1][8];
    set_iv<1>(cv);
    for (size_t word = 0; word < width; word += 16) {
      const size_t words = width - word < 16 ? width - word : 16;
      const size_t at = row * width + word;
      const uint32_t* from = rows + at;
      if (kLanes > 1 || words < 16) {  // a whole block of one lane is hashed where it lies
        load_rows(from, width, words, live, count * width - at, message);
        from = message;
      }
      const Message m = {from, from + 8 * kLanes, kLanes};
      const uint32_t start = word == 0 ? blake3::kChunkStart : 0;
      const uint32_t end = word + words == width ? blake3::kChunkEnd | blake3::kRoot : 0;
      compress<1>(cv, &m, start | end);
    }
    store_packed(cv, live, digests + 8 * row);
  }
}

void hash_packed_nodes(const uint32_t* const* children, size_t count, uint32_t* digests) {
  for (size_t node = 0; node < count; node += kLanes) {
    const size_t live = count - node < kLanes ? count - node : kLanes;
    const uint32_t* const* of_node = children + 2 * node;
    if (kLanes == 1 && hash_node_by_call(of_node, digests + 8 * node)) continue;
    Message m = {of_node[0], of_node[1], 1};  // one lane's
    alignas(64) uint32_t message[16 * kLanes];
    if (kLanes > 1) {
      alignas(64) uint32_t pairs[16 * kLanes] = {};
      for (size_t child = 0; child < 2 * live; ++child) {
        for (size_t i = 0; i < 8; ++i) pairs[8 * child + i] = of_node[child][i];
      }
      U32 columns[16];
      transpose_in(pairs, 16, columns);
      for (size_t i = 0; i < 16; ++i) store(message + i * kLanes, columns[i]);
      m = {message, message + 8 * kLanes, kLanes};
    }
    U32 cv[1][8];
    set_iv<1>(cv);
    compress<1>(cv, &m, blake3::kNodeFlags);
    store_packed(cv, live, digests + 8 * node);
  }
}

// A vector of counters first, first + 1, ..
ZKVM_SIMD_INLINE void counters(uint64_t first, U32& low, U32& high) {
  alignas(64) uint32_t words[2][kLanes];
  for (size_t i = 0; i < kLanes; ++i) {
    words[0][i] = static_cast<uint32_t>(first + i);
    words[1][i] = static_cast<uint32_t>((first + i) >> 32);
  }
  low = load(words[0]);
  high = load(words[1]);
}

void extend(const uint32_t cv[8], const uint32_t block[16], uint32_t length, uint32_t flags,
            uint64_t counter, size_t blocks, uint32_t* out) {
  alignas(64) uint32_t message[16 * kLanes];
  for (size_t i = 0; i < 16; ++i) store(message + i * kLanes, broadcast(block[i]));
  const Message m = {message, message + 8 * kLanes, kLanes};
  for (size_t b = 0; b < blocks; b += kLanes) {
    State<1> v;
    for (int i = 0; i < 8; ++i) v[0][i] = broadcast(cv[i]);
    U32 count[1][2];
    counters(counter + b, count[0][0], count[0][1]);
    permute<1>(v, &m, count, length, flags);
    U32 words[16];
    for (int i = 0; i < 8; ++i) {
      words[i] = v[0][i] ^ v[0][8 + i];
      words[8 + i] = v[0][8 + i] ^ broadcast(cv[i]);
    }
    transpose_out<false>(words, out + 16 * b, 16);
  }
}

uint64_t grind(const uint32_t state[8], unsigned bits, uint64_t first, uint64_t count) {
  constexpr uint32_t kFlags = blake3::kChunkStart | blake3::kChunkEnd | blake3::kRoot;
  constexpr uint32_t kLength = 32 + 8;  // the state, a nonce
  const uint64_t mask = (uint64_t{1} << bits) - 1;
  alignas(64) uint32_t message[16 * kLanes];
  for (size_t i = 0; i < 16; ++i) {
    store(message + i * kLanes, broadcast(i < 8 ? state[i] : 0));
  }
  const Message m = {message, message + 8 * kLanes, kLanes};
  for (uint64_t nonce = first; nonce - first < count; nonce += kLanes) {
    U32 low, high;
    counters(nonce, low, high);
    store(message + 8 * kLanes, low);
    store(message + 9 * kLanes, high);
    State<1> v;
    for (int i = 0; i < 8; ++i) v[0][i] = broadcast(blake3::kIv[i]);
    const U32 zero[1][2] = {{broadcast(0), broadcast(0)}};
    permute<1>(v, &m, zero, kLength, kFlags);
    alignas(64) uint32_t hash[2][kLanes];
    store(hash[0], v[0][0] ^ v[0][8]);
    store(hash[1], v[0][1] ^ v[0][9]);
    for (size_t i = 0; i < kLanes; ++i) {
      if (((hash[0][i] | uint64_t{hash[1][i]} << 32) & mask) == 0) return nonce + i;
    }
  }
  return ~uint64_t{0};
}

void compress_chain(const uint32_t* message, size_t count, uint32_t* cv) {
  for (size_t lane = 0; lane < 2 * kPackLanes; lane += kStreams * kLanes) {
    Message m[kStreams];
    for (int s = 0; s < kStreams; ++s) {
      const uint32_t* from = message + digest_offset(lane + static_cast<size_t>(s) * kLanes);
      m[s] = {from, from, kPackLanes};
    }
    U32 values[kStreams][8];
    set_iv<kStreams>(values);
    for (size_t i = 0; i < count; ++i) compress<kStreams>(values, m, 0);
    store_digests<kStreams>(values, lane, cv);
  }
}

}  // namespace

extern const Blake3Kernels blake3_kernels = {.hash_rows = &hash_rows,
                                             .hash_nodes = &hash_nodes,
                                             .hash_packed_rows = &hash_packed_rows,
                                             .hash_packed_nodes = &hash_packed_nodes,
                                             .extend = &extend,
                                             .grind = &grind,
                                             .compress_chain = &compress_chain};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
