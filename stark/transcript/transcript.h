// The Fiat-Shamir transcript (stark/doc/protocol.md, section 4): labelled messages go into BLAKE3,
// labelled challenges come out. Prover and verifier run the same calls; where they differ, the logs
// of the two differ first at the message that is to blame. Header-only, no allocation, no
// exceptions: it is also compiled into guests.
//
// SOUNDNESS: every message carries its label's and its own length, so the byte string that is
// hashed parses in one way only, and every challenge depends on all that was absorbed before it and
// on all earlier challenges' labels.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <zk/check.h>

#include <span>
#include <string_view>

#include "stark/field/field.h"
#include "stark/hash/blake3.h"

namespace zkvm::stark {

/// Sees every message of a transcript it is given to (TranscriptRecorder prints them).
class TranscriptLog {
 public:
  enum class Kind { kAbsorb, kSqueeze, kGrind };

  /// `label` is the full path, `length` counts the message's bytes in wire form, `digest` is their
  /// BLAKE3.
  virtual void message(Kind kind, std::string_view label, uint64_t length,
                       const Digest& digest) = 0;

 protected:
  ~TranscriptLog() = default;
};

class Transcript {
 public:
  /// The longest full path of a label: its length is one byte.
  static constexpr size_t kMaxLabel = 255;
  /// The greatest difficulty: 2^40 hashes are days, so more is a mistake.
  static constexpr unsigned kMaxGrindBits = 40;

  /// `log`, if any, must outlive the transcript.
  explicit Transcript(TranscriptLog* log = nullptr) : log_(log) {
    constexpr std::string_view kStart = "zkvm transcript v1";
    Blake3 hasher;
    update(hasher, kStart);
    begin(hasher.finish());
  }
  Transcript(const Transcript&) = delete;
  Transcript& operator=(const Transcript&) = delete;

  /// Prefixes labels with "name/" while it lives. Scopes nest and end in reverse order.
  class [[nodiscard]] Scope {
   public:
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { transcript_.path_size_ = outer_size_; }

   private:
    friend class Transcript;
    Scope(Transcript& transcript, size_t outer_size)
        : transcript_(transcript), outer_size_(outer_size) {}

    Transcript& transcript_;
    size_t outer_size_;
  };

  /// Labels become "name/label".
  Scope scope(std::string_view name) {
    size_t outer_size = path_size_;
    push(name);
    push("/");
    return Scope(*this, outer_size);
  }

  /// Labels become "name index/label", index in decimal.
  Scope scope(std::string_view name, uint32_t index) {
    char digits[10];
    size_t first = sizeof digits;
    do {
      digits[--first] = static_cast<char>('0' + index % 10);
      index /= 10;
    } while (index != 0);
    size_t outer_size = path_size_;
    push(name);
    push(" ");
    push({digits + first, sizeof digits - first});
    push("/");
    return Scope(*this, outer_size);
  }

  /// A message of bytes.
  void absorb(std::string_view label, std::span<const uint8_t> bytes) {
    absorb_header(label, bytes.size());
    hasher_.update(bytes);
    if (log_ != nullptr) [[unlikely]]
      log_message(TranscriptLog::Kind::kAbsorb, label, bytes);
  }

  /// A message of words, each four bytes, little-endian.
  void absorb_words(std::string_view label, std::span<const uint32_t> words) {
    absorb_header(label, words.size_bytes());
    hasher_.update_words(words);
    if (log_ != nullptr) [[unlikely]] {
      log_message(TranscriptLog::Kind::kAbsorb, label, bytes_of(words));
    }
  }

  /// A message of one digest.
  void absorb(std::string_view label, const Digest& digest) { absorb_words(label, digest); }

  /// A message of field elements in wire form.
  void absorb(std::string_view label, std::span<const Fp> elements) {
    absorb_words(label, {words_of(elements.data()), elements.size()});
  }
  void absorb(std::string_view label, std::span<const Fp5> elements) {
    absorb_words(label, {words_of(elements.data()), 5 * elements.size()});
  }

  /// Uniform elements of the extension field.
  void squeeze(std::string_view label, std::span<Fp5> out) {
    Blake3Xof stream = open_stream(label);
    uint32_t* words = words_of(out.data());
    for (size_t i = 0; i < 5 * out.size(); ++i) words[i] = next_field_word(stream);
    close_stream(label, {words, 5 * out.size()});
  }

  /// One uniform element of the extension field.
  [[nodiscard]] Fp5 squeeze(std::string_view label) {
    Fp5 out{};
    squeeze(label, std::span<Fp5>(&out, 1));
    return out;
  }

  /// Uniform indices below 2^`log_size`, log_size <= 32, possibly repeated.
  void squeeze_indices(std::string_view label, unsigned log_size, std::span<uint32_t> out) {
    ZK_CHECK(log_size <= 32);
    uint32_t mask = static_cast<uint32_t>((uint64_t{1} << log_size) - 1);
    Blake3Xof stream = open_stream(label);
    for (uint32_t& index : out) index = stream.next_word() & mask;
    close_stream(label, out);
  }

  /// Proof of work, verifier's side: true if `nonce` is good for `bits`. With bits = 0 nothing
  /// happens and the nonce must be 0. After false the transcript is of no more use.
  [[nodiscard]] bool check_grind(std::string_view label, unsigned bits, uint64_t nonce) {
    if (bits == 0) return nonce == 0;
    (void)begin_grind();
    return finish_grind(label, bits, nonce);
  }

  /// Proof of work, prover's side (grind.h), bits > 0: the state to grind on; finish_grind must be
  /// the next call.
  [[nodiscard]] Digest begin_grind() {
    flush();
    return state_;
  }

  /// Absorbs the nonce if it is good.
  [[nodiscard]] bool finish_grind(std::string_view label, unsigned bits, uint64_t nonce) {
    if (!grind_passes(state_, bits, nonce)) return false;
    uint32_t words[2] = {static_cast<uint32_t>(nonce), static_cast<uint32_t>(nonce >> 32)};
    absorb_header(label, sizeof words);
    hasher_.update_words(words);
    if (log_ != nullptr) [[unlikely]] {
      log_message(TranscriptLog::Kind::kGrind, label, bytes_of(words));
    }
    return true;
  }

  /// True if the low `bits` bits of BLAKE3(state || nonce) are zero; 0 < bits <= kMaxGrindBits.
  [[nodiscard]] static bool grind_passes(const Digest& state, unsigned bits, uint64_t nonce) {
    ZK_CHECK(bits > 0 && bits <= kMaxGrindBits);
    Blake3 hasher;
    hasher.update_words(state);
    uint32_t words[2] = {static_cast<uint32_t>(nonce), static_cast<uint32_t>(nonce >> 32)};
    hasher.update_words(words);
    Digest hash = hasher.finish();
    uint64_t low = hash[0] | uint64_t{hash[1]} << 32;
    return (low & ((uint64_t{1} << bits) - 1)) == 0;
  }

 private:
  static std::span<const uint8_t> bytes_of(std::span<const uint32_t> words) {
    return {reinterpret_cast<const uint8_t*>(words.data()), words.size_bytes()};
  }

  // Field elements are their wire words.
  static_assert(sizeof(Fp) == 4 && sizeof(Fp5) == 20);
  template <class T>
  static uint32_t* words_of(T* elements) {
    return reinterpret_cast<uint32_t*>(elements);
  }
  template <class T>
  static const uint32_t* words_of(const T* elements) {
    return reinterpret_cast<const uint32_t*>(elements);
  }

  static void update(Blake3& hasher, std::string_view text) {
    hasher.update({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }

  static uint32_t next_field_word(Blake3Xof& stream) {
    for (;;) {
      uint32_t word = stream.next_word() & 0x7fffffff;
      if (word < Fp::kModulus) return word;
    }
  }

  void push(std::string_view text) {
    ZK_CHECK(text.size() <= kMaxLabel - path_size_);
    for (char c : text) path_[path_size_++] = c;
  }

  void begin(const Digest& state) {
    state_ = state;
    hasher_ = Blake3();
    hasher_.update_words(state_);
  }

  // Everything absorbed so far goes into the state.
  void flush() { begin(hasher_.finish()); }

  void update_label(Blake3& hasher, std::string_view label) const {
    ZK_CHECK(label.size() <= kMaxLabel - path_size_);
    uint8_t size = static_cast<uint8_t>(path_size_ + label.size());
    hasher.update({&size, 1});
    update(hasher, {path_, path_size_});
    update(hasher, label);
  }

  void absorb_header(std::string_view label, uint64_t length) {
    update_label(hasher_, label);
    uint32_t words[2] = {static_cast<uint32_t>(length), static_cast<uint32_t>(length >> 32)};
    hasher_.update_words(words);
  }

  [[nodiscard]] Blake3Xof open_stream(std::string_view label) {
    flush();
    Blake3 hasher;
    hasher.update_words(state_);
    update_label(hasher, label);
    return hasher.finish_xof();
  }

  // So that the next challenge differs even if nothing is absorbed in between.
  void close_stream(std::string_view label, std::span<const uint32_t> words) {
    absorb_header(label, 0);
    if (log_ != nullptr) [[unlikely]] {
      log_message(TranscriptLog::Kind::kSqueeze, label, bytes_of(words));
    }
  }

  void log_message(TranscriptLog::Kind kind, std::string_view label,
                   std::span<const uint8_t> bytes) {
    size_t outer_size = path_size_;
    push(label);
    log_->message(kind, {path_, path_size_}, bytes.size(), blake3_hash(bytes));
    path_size_ = outer_size;
  }

  TranscriptLog* log_;
  Digest state_;
  Blake3 hasher_;  // holds state_ and the buffer
  char path_[kMaxLabel] = {};
  size_t path_size_ = 0;
};

}  // namespace zkvm::stark
