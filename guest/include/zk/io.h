// A guest's input, journal and console.
//
// Input (private) and journal (public) are streams of 32-bit words. Every value stands in whole
// words: one of s bytes takes ceil(s / 4) words, padded with zero bytes, and the next value starts
// at the next word. So the host writes what the guest reads, value by value, each padded to a
// multiple of 4; little-endian throughout.
//
// Nothing of the input becomes public unless the guest commits it. How the input is cut into reads,
// and what it holds, is the prover's choice: check what you read as you would check a network
// packet.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <array>
#include <concepts>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace zk {

// Prints `message` on stderr and ends the run in a trap (an `ebreak`), which no proof exists for.
[[noreturn]] void fail(std::string_view message);

// Ends the run at once with status `code` modulo 256: no destructors. 0 is success.
[[noreturn]] void exit(int code);

// Prints one line on the host's console (stderr). Costs a system call; the text is not part of the
// proof.
void log(std::string_view line);

// Fills `out` with the next out.size() bytes of the input, taken from ceil(out.size() / 4) words.
// Fails (message and trap) where the input has fewer words.
void read_bytes(std::span<std::byte> out);

// Like read_bytes, but stops at the end of the input: returns how many bytes it wrote, 0 at the
// end. The size of `out` must be a multiple of 4.
[[nodiscard]] size_t read_some(std::span<std::byte> out);

// Appends bytes to the journal, padded with zeros to whole words.
void commit_bytes(std::span<const std::byte> bytes);

// An array, vector, span, string, ...: elements one after the other, as many as it says. (<ranges> would double the time
// that a small guest takes to compile.)
template <class Range>
concept Contiguous = requires(Range& range) { std::span(range); };
template <Contiguous Range>
using ElementOf =
    std::remove_cv_t<typename decltype(std::span(std::declval<Range&>()))::element_type>;

// What can be read from untrusted bytes: no pointers inside (not checked), and not bool, for which
// most bit patterns are undefined behaviour: read a uint32_t and compare.
template <class T>
concept Readable =
    std::is_trivially_copyable_v<T> && std::is_trivially_default_constructible_v<T> &&
    !std::is_pointer_v<T> && !std::same_as<std::remove_cv_t<T>, bool>;

// What can be made public as it stands: every byte is part of the value. A type with padding is
// refused, because padding can hold remains of private data, and so is a view, which is a pointer
// and a length: the overload below commits what it points to. A class of your own must hold no
// pointers (not checked).
template <class T>
inline constexpr bool kIsArray = std::is_array_v<T>;
template <class T, size_t n>
inline constexpr bool kIsArray<std::array<T, n>> = true;
template <class T>
concept Iterable = requires(T& range) {
  std::begin(range);
  std::end(range);
};
template <class T>
concept Committable =
    std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && (!Iterable<T> || kIsArray<T>) &&
    (std::has_unique_object_representations_v<T> || std::is_floating_point_v<T>);

// The bytes of an array, vector, span or string, as they lie in memory: what zk::blake3 and zk::sha256 take.
template <Contiguous Range>
  requires Committable<ElementOf<const Range>>
[[nodiscard]] std::span<const uint8_t> bytes_of(const Range& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

// The next value of the input: ceil(sizeof(T) / 4) words. Fails where the input has fewer.
template <Readable T>
[[nodiscard]] T read() {
  if constexpr (alignof(T) % 4 == 0) {  // then sizeof(T) is a multiple of 4 too
    T value;
    read_bytes(std::as_writable_bytes(std::span(&value, 1)));
    return value;
  } else {
    struct alignas(4) Words {
      T value;
    } words;
    read_bytes({reinterpret_cast<std::byte*>(&words), sizeof(words)});
    return words.value;
  }
}

// Fills an array, packed: elements stand one after the other, only the end is padded to a word.
template <Contiguous Range>
  requires Readable<ElementOf<Range>>
void read_into(Range&& out) {
  read_bytes(std::as_writable_bytes(std::span(out)));
}

// Appends a value to the journal: ceil(sizeof(T) / 4) words.
template <Committable T>
void commit(const T& value) {
  commit_bytes(std::as_bytes(std::span(&value, 1)));
}

// Appends the elements of an array, vector, span or string, packed; only the end is padded to a
// word. The length is not written: commit it first where the reader does not know it.
template <Contiguous Range>
  requires Committable<ElementOf<const Range>> && (!Committable<std::remove_cvref_t<Range>>)
void commit(const Range& values) {
  commit_bytes(std::as_bytes(std::span(values)));
}

}  // namespace zk
