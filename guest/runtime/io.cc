#include <string.h>
#include <zk/check.h>
#include <zk/io.h>
#include <zk/syscall.h>
#include <zk/zk_c.h>

namespace zk {
namespace {

constexpr uint32_t kWord = 4;
constexpr uint32_t kBounceBytes = 256;  // for buffers that are not word-aligned

bool is_word_aligned(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % kWord == 0;
}

// Reads whole words until `length` bytes are there or the input ends; returns the bytes read. Linux
// may return less than asked, and a file's last word in part, which is padded here as the VM's host
// pads it.
uint32_t read_words(void* buffer, uint32_t length) {
  uint32_t done = 0;
  while (done < length) {
    auto* const at = static_cast<std::byte*>(buffer) + done;
    const int32_t got = abi::read(at, length - done);
    if (got < 0) fail("zkvm: the input cannot be read");
    if (got == 0) break;
    done += got;
  }
  while (done % kWord != 0) static_cast<std::byte*>(buffer)[done++] = std::byte{0};
  return done;
}

void read_all_words(void* buffer, uint32_t length) {
  if (read_words(buffer, length) != length)
    fail("zkvm: the input ended before zk::read had its value");
}

void write_words(const void* buffer, uint32_t length) {
  for (uint32_t done = 0; done < length;) {
    const int32_t put =
        abi::write(abi::kFdJournal, static_cast<const std::byte*>(buffer) + done, length - done);
    if (put <= 0) fail("zkvm: the journal cannot be written (under qemu: append 3>journal)");
    done += put;
  }
}

}  // namespace

void read_bytes(std::span<std::byte> out) {
  if (is_word_aligned(out.data())) {
    const uint32_t whole = out.size() / kWord * kWord;
    read_all_words(out.data(), whole);
    out = out.subspan(whole);
  }
  while (!out.empty()) {
    alignas(kWord) std::byte bounce[kBounceBytes];
    const uint32_t count = out.size() < kBounceBytes ? out.size() : kBounceBytes;
    read_all_words(bounce, (count + kWord - 1) / kWord * kWord);
    memcpy(out.data(), bounce, count);
    out = out.subspan(count);
  }
}

size_t read_some(std::span<std::byte> out) {
  if (out.size() % kWord != 0) fail("zkvm: zk::read_some takes a multiple of 4 bytes");
  if (is_word_aligned(out.data())) return read_words(out.data(), out.size());
  size_t done = 0;
  while (done < out.size()) {
    alignas(kWord) std::byte bounce[kBounceBytes];
    const uint32_t asked = out.size() - done < kBounceBytes ? out.size() - done : kBounceBytes;
    const uint32_t got = read_words(bounce, asked);
    memcpy(out.data() + done, bounce, got);
    done += got;
    if (got < asked) break;
  }
  return done;
}

void commit_bytes(std::span<const std::byte> bytes) {
  if (is_word_aligned(bytes.data())) {
    const uint32_t whole = bytes.size() / kWord * kWord;
    write_words(bytes.data(), whole);
    bytes = bytes.subspan(whole);
  }
  while (!bytes.empty()) {
    alignas(kWord) std::byte bounce[kBounceBytes];
    const uint32_t count = bytes.size() < kBounceBytes ? bytes.size() : kBounceBytes;
    const uint32_t padded = (count + kWord - 1) / kWord * kWord;
    memcpy(bounce, bytes.data(), count);
    memset(bounce + count, 0, padded - count);
    write_words(bounce, padded);
    bytes = bytes.subspan(count);
  }
}

}  // namespace zk

extern "C" {

void zk_read(void* out, size_t bytes) { zk::read_bytes({static_cast<std::byte*>(out), bytes}); }
size_t zk_read_some(void* out, size_t bytes) {
  return zk::read_some({static_cast<std::byte*>(out), bytes});
}
void zk_commit(const void* values, size_t bytes) {
  zk::commit_bytes({static_cast<const std::byte*>(values), bytes});
}
void zk_log(const char* line) { zk::log(line); }
void zk_exit(int code) { zk::exit(code); }
void zk_fail(const char* message) { zk::fail(message); }
void zk_check_failed(const char* file, int line, const char* text) {
  zk::fail_at(file, line, "ZK_CHECK failed: ", text);
}

}  // extern "C"
