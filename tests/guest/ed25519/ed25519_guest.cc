// Verifies signatures as long as there is input: a word, the message's bytes, then public key, signature and message.
#include <zk/ed25519.h>
#include <zk/zk.h>

int main() {
  static uint8_t message[4096];
  uint32_t bytes;
  while (zk::read_some(std::as_writable_bytes(std::span(&bytes, 1))) == sizeof(bytes)) {
    ZK_CHECK(bytes <= sizeof(message));
    const auto key = zk::read<std::array<uint8_t, 32>>();
    const auto signature = zk::read<std::array<uint8_t, 64>>();
    zk::read_into(std::span(message, bytes));
    zk::commit<uint32_t>(zk::ed25519_verify(signature, std::span(message, bytes), key));
  }
}
