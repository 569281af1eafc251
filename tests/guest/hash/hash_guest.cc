#include <zk/zk.h>

#include "answer.h"

int main() {
  alignas(4) static uint8_t data[kMostBytes + 4];
  alignas(4) static uint8_t out[kMostOutput];
  HashRequest request;
  while (zk::read_some(std::as_writable_bytes(std::span(&request, 1))) == sizeof(request)) {
    ZK_CHECK(request.bytes <= kMostBytes && request.alignment < 4 && request.output <= kMostOutput);
    const std::span bytes(data + request.alignment, request.bytes);
    fill(bytes.data(), request.bytes, request.seed);
    hash::answer(request, bytes, out);
    zk::commit(std::span<const uint8_t>(out, request.output));
  }
}
