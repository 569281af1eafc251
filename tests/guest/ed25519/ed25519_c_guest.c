// The same through <zk/zk_c.h>.
#include <zk/zk_c.h>

int main(void) {
  static uint8_t key[32], signature[64], message[4096];
  uint32_t bytes;
  while (zk_read_some(&bytes, sizeof bytes) == sizeof bytes) {
    ZK_CHECK(bytes <= sizeof message);
    zk_read(key, sizeof key);
    zk_read(signature, sizeof signature);
    zk_read(message, bytes);
    zk_commit_u32((uint32_t)zk_ed25519_verify(signature, message, bytes, key));
  }
  return 0;
}
