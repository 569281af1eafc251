// Records a transcript's messages, for printing and for finding the first message where two
// transcripts part.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "stark/transcript/transcript.h"

namespace zkvm::stark {

class TranscriptRecorder final : public TranscriptLog {
 public:
  struct Message {
    Kind kind;
    std::string label;
    uint64_t length;  // bytes
    Digest digest;    // BLAKE3 of the bytes

    friend bool operator==(const Message&, const Message&) = default;
  };

  void message(Kind kind, std::string_view label, uint64_t length, const Digest& digest) override;

  [[nodiscard]] const std::vector<Message>& messages() const { return messages_; }

  /// One line per message: number, kind, label, length, first 8 bytes of the digest.
  [[nodiscard]] std::string to_string() const;

  /// The two lines of the first message that differs between a and b; empty if there is none.
  [[nodiscard]] static std::string first_difference(const TranscriptRecorder& a,
                                                    const TranscriptRecorder& b);

 private:
  std::vector<Message> messages_;
};

}  // namespace zkvm::stark
