// memcpy and memmove, made for few instructions: each is a cycle, whatever it does.
//
//   both at the same place of a word   words are copied: 2.2 instructions each
//   else                               words are merged of two of the source, which are loaded once: 5.4 each
//   what the loops leave               a test for each bit of its size
//
// No word is loaded of which no byte is asked for: it may be memory that nobody declared, and so a trap.
// Compiled with -fno-tree-loop-distribute-patterns: without it, GCC makes of a loop that copies a call of memmove.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace {

using Word [[gnu::may_alias]] = uint32_t;

uint32_t place_in_word(const char* at) { return reinterpret_cast<uintptr_t>(at) % sizeof(Word); }

// A copy under way: forward (kStep = 1), or backward from the ends of source and destination (kStep = -1). The two may
// overlap where `to` runs behind `from`: what is yet to be loaded is never stored over.
template <int kStep>
struct Copy {
  char* to;
  const char* from;

  // Where the item i after the next one stands, in items.
  static constexpr int item(int i) { return kStep > 0 ? i : -1 - i; }

  template <class T, int kCount>
  [[gnu::always_inline]] void advance() {
    to += kStep * kCount * static_cast<int>(sizeof(T));
    from += kStep * kCount * static_cast<int>(sizeof(T));
  }

  template <class T, int kCount>
  [[gnu::always_inline]] void copy() {
    auto* const out = reinterpret_cast<T*>(to);
    auto* const in = reinterpret_cast<const T*>(from);
#pragma GCC unroll 16
    for (int i = 0; i < kCount; ++i) out[item(i)] = in[item(i)];
    advance<T, kCount>();
  }

  // size % 4 bytes.
  [[gnu::always_inline]] void copy_bytes(size_t size) {
    if (size & 1) copy<char, 1>();
    if (size & 2) copy<char, 2>();
  }

  // size / 4 words; both stand at one.
  [[gnu::always_inline]] void copy_words(size_t size) {
    for (const char* const end = to + kStep * static_cast<ptrdiff_t>(size & -64); to != end;)
      copy<Word, 16>();
    if (size & 32) copy<Word, 8>();
    if (size & 16) copy<Word, 4>();
    if (size & 8) copy<Word, 2>();
    if (size & 4) copy<Word, 1>();
  }

  // kCount words from `shift` bits into the word at `from` on; that word is `last`.
  template <int kCount>
  [[gnu::always_inline]] void merge(uint32_t shift, Word& last) {
    auto* const out = reinterpret_cast<Word*>(to);
    auto* const in = reinterpret_cast<const Word*>(from);
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) {
      const Word next = in[kStep * (i + 1)];
      const Word low = kStep > 0 ? last : next, high = kStep > 0 ? next : last;
      out[item(i)] = low >> shift | high << (-shift % 32);
      last = next;
    }
    advance<Word, kCount>();
  }

  // size / 4 words, at least one; the source stands at `place` of a word, which is not 0.
  [[gnu::always_inline]] void merge_words(size_t size, uint32_t place) {
    const uint32_t shift = 8 * place;
    from -= place;
    Word last = *reinterpret_cast<const Word*>(from);
    for (const char* const end = to + kStep * static_cast<ptrdiff_t>(size & -32); to != end;)
      merge<8>(shift, last);
    if (size & 16) merge<4>(shift, last);
    if (size & 8) merge<2>(shift, last);
    if (size & 4) merge<1>(shift, last);
    from += place;
  }

  [[gnu::always_inline]] void run(size_t size) {
    if (size < 8) {
      if (size & 4) {
        if ((place_in_word(to) | place_in_word(from)) == 0) {
          copy<Word, 1>();
        } else {
          copy<char, 4>();
        }
      }
    } else {
      const uint32_t head =
          -kStep * reinterpret_cast<uintptr_t>(to) % sizeof(Word);  // bytes up to a word
      if (head != 0) {
        copy_bytes(head);
        size -= head;
      }
      if (const uint32_t place = place_in_word(from); place == 0) {
        copy_words(size);
      } else {
        merge_words(size, place);
      }
    }
    copy_bytes(size);
  }
};

}  // namespace

extern "C" {

void* memcpy(void* to, const void* from, size_t size) {
  Copy<1>{static_cast<char*>(to), static_cast<const char*>(from)}.run(size);
  return to;
}

void* memmove(void* to, const void* from, size_t size) {
  // Backward only where the destination begins within the source: below it, the difference is a large number.
  if (reinterpret_cast<uintptr_t>(to) - reinterpret_cast<uintptr_t>(from) >= size)
    return memcpy(to, from, size);
  Copy<-1>{static_cast<char*>(to) + size, static_cast<const char*>(from) + size}.run(size);
  return to;
}

}  // extern "C"
