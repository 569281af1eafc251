// The guest's allocator: malloc, operator new and their kin, on the HEAP that zkvm_add_guest
// declares.
//
// Made for few cycles: a call takes a few tens of instructions and never searches a list of many
// blocks while the heap has fresh room. A block is its 32-bit header (size in bytes, a multiple of
// 16, plus kInUse) and its payload, which is 16-byte aligned; free blocks hang in lists by size,
// last freed first:
//
//   size <= 512:  one list for each multiple of 16
//   above:        four lists for each power of two; a list holds sizes from its own up to the next
//   list's
//
// Fresh blocks are cut off the untouched rest of the heap, exactly as large as needed; the last of
// them returns there when it is freed. When the rest is used up, larger free blocks are split; when
// there is none, all neighbouring free blocks are merged, in one walk over the heap. When that
// fails too the run ends in a trap with a message: no call returns null.
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zk/io.h>

#include <new>

#include "console.h"

extern "C" char __zk_heap_begin[], __zk_heap_end[];

namespace {

constexpr uint32_t kGrain = 16;      // alignment of payloads, granularity of sizes
constexpr uint32_t kHeader = 4;      // bytes in front of a payload
constexpr uint32_t kInUse = 1;       // low bits of an allocated block's header
constexpr uint32_t kSmallMax = 512;  // largest size with a list of its own
constexpr uint32_t kMaxRequest = 1u << 30;
constexpr uint32_t kSmallLists = kSmallMax / kGrain + 1;
constexpr uint32_t kLists = kSmallLists + 4 * (30 - 9);

struct FreeBlock {  // what a free block's payload begins with; its size stands in front
  FreeBlock* next;
};

constinit FreeBlock* g_free[kLists] = {};
constinit char* g_rest = __zk_heap_begin + kGrain;  // payload of the next fresh block
constinit char* const g_end = __zk_heap_end;

// Room for fresh blocks, in bytes; below zero where HEAP is below a grain.
int32_t rest_size() { return g_end - g_rest; }

char* first_payload() { return __zk_heap_begin + kGrain; }

uint32_t& header(void* payload) { return *(static_cast<uint32_t*>(payload) - 1); }

// The list for free blocks of this size: the last one whose sizes start at or below it.
uint32_t list_of(uint32_t size) {
  if (size <= kSmallMax) return size / kGrain;
  uint32_t power = 9;
  while (size >> (power + 1) != 0) ++power;
  return kSmallLists - 1 + 4 * (power - 9) + (size >> (power - 2)) % 4;
}

void push(char* payload, uint32_t size) {
  header(payload) = size;
  auto* const block = reinterpret_cast<FreeBlock*>(payload);
  FreeBlock*& list = g_free[list_of(size)];
  block->next = list;
  list = block;
}

// A fresh block; there is room.
void* cut(uint32_t size) {
  char* const payload = g_rest;
  header(payload) = size | kInUse;
  g_rest += size;
  return payload;
}

// The slow path: no fresh room is left. Any free block that is large enough, its surplus split off.
void* search(uint32_t size) {
  for (uint32_t list = list_of(size); list < kLists; ++list) {
    for (FreeBlock** link = &g_free[list]; *link != nullptr; link = &(*link)->next) {
      FreeBlock* const block = *link;
      const uint32_t have = header(block);
      if (have < size) continue;
      *link = block->next;
      if (have > size) push(reinterpret_cast<char*>(block) + size, have - size);
      header(block) = size | kInUse;
      return block;
    }
  }
  return nullptr;
}

// Merges neighbouring free blocks, and the last one with the rest: headers lead from block to
// block.
void merge() {
  for (FreeBlock*& list : g_free) list = nullptr;
  for (char* block = first_payload(); block != g_rest;) {
    const uint32_t head = header(block);
    if (head % kGrain == kInUse) {
      block += head - kInUse;
      continue;
    }
    char* end = block + head;
    while (end != g_rest && header(end) % kGrain != kInUse) end += header(end);
    if (end == g_rest) {
      g_rest = block;
      return;
    }
    push(block, end - block);
    block = end;
  }
}

[[noreturn]] void out_of_memory(size_t asked) {
  using zk::console::Decimal;
  using zk::console::write;
  constexpr uint32_t kFd = zk::abi::kFdStderr;
  write(kFd, "zkvm: out of memory: ");
  write(kFd, Decimal(asked).text());
  write(kFd, " bytes asked for, ");
  write(kFd, Decimal(rest_size() > 0 ? rest_size() : 0).text());
  write(kFd, " left of a heap of ");
  write(kFd, Decimal(__zk_heap_end - __zk_heap_begin).text());
  zk::fail("; set HEAP in zkvm_add_guest");
}

void* allocate(size_t bytes) {
  if (bytes > kMaxRequest) out_of_memory(bytes);
  const uint32_t size = (bytes + kHeader + kGrain - 1) & ~(kGrain - 1);
  FreeBlock** link = &g_free[list_of(size)];
  for (int tries = 4; *link != nullptr && tries > 0; --tries, link = &(*link)->next) {
    FreeBlock* const block = *link;
    if (header(block) < size) continue;
    *link = block->next;
    header(block) |= kInUse;
    return block;
  }
  if (static_cast<int32_t>(size) <= rest_size()) return cut(size);
  if (void* const payload = search(size)) return payload;
  merge();
  if (static_cast<int32_t>(size) <= rest_size()) return cut(size);
  void* const payload = search(size);
  if (payload == nullptr) out_of_memory(bytes);
  return payload;
}

void release(void* payload) {
  if (payload == nullptr) return;
  const uint32_t head = header(payload);
  if (head % kGrain != kInUse)
    zk::fail("zkvm: free of a pointer that is not allocated (freed twice?)");
  const uint32_t size = head - kInUse;
  if (static_cast<char*>(payload) + size == g_rest) {
    header(payload) = size;
    g_rest -= size;
  } else {
    push(static_cast<char*>(payload), size);
  }
}

void* allocate_aligned(size_t alignment, size_t bytes) {
  if (alignment <= kGrain) return allocate(bytes);
  if (bytes > kMaxRequest || alignment > kMaxRequest) out_of_memory(bytes);
  char* payload = static_cast<char*>(allocate(bytes + alignment));
  const uint32_t gap = -reinterpret_cast<uintptr_t>(payload) & (alignment - 1);
  if (gap != 0) {  // a multiple of kGrain: the part in front becomes a free block
    const uint32_t size = header(payload) - kInUse;
    header(payload + gap) = (size - gap) | kInUse;
    push(payload, gap);
    payload += gap;
  }
  return payload;
}

}  // namespace

extern "C" {

void* malloc(size_t bytes) { return allocate(bytes); }
void free(void* payload) { release(payload); }

void* calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) out_of_memory(SIZE_MAX);
  return memset(allocate(bytes), 0, bytes);
}

void* realloc(void* payload, size_t bytes) {
  if (payload == nullptr) return allocate(bytes);
  const uint32_t size = header(payload) - kInUse;
  if (bytes <= size - kHeader) return payload;
  if (static_cast<char*>(payload) + size == g_rest &&
      bytes <= kMaxRequest) {  // the last block grows in place
    const uint32_t more = ((bytes + kHeader + kGrain - 1) & ~(kGrain - 1)) - size;
    if (static_cast<int32_t>(more) <= rest_size()) {
      header(payload) += more;
      g_rest += more;
      return payload;
    }
  }
  void* const moved = allocate(bytes);
  memcpy(moved, payload, size - kHeader);
  release(payload);
  return moved;
}

void* memalign(size_t alignment, size_t bytes) { return allocate_aligned(alignment, bytes); }
void* aligned_alloc(size_t alignment, size_t bytes) { return allocate_aligned(alignment, bytes); }

int posix_memalign(void** out, size_t alignment, size_t bytes) {
  if (alignment < sizeof(void*) || (alignment & (alignment - 1)) != 0) return EINVAL;
  *out = allocate_aligned(alignment, bytes);
  return 0;
}

}  // extern "C"

void* operator new(size_t bytes) { return allocate(bytes); }
void* operator new[](size_t bytes) { return allocate(bytes); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes); }
void* operator new(size_t bytes, std::align_val_t a) { return allocate_aligned(size_t(a), bytes); }
void* operator new[](size_t bytes, std::align_val_t a) {
  return allocate_aligned(size_t(a), bytes);
}
void* operator new(size_t bytes, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate_aligned(size_t(a), bytes);
}
void* operator new[](size_t bytes, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate_aligned(size_t(a), bytes);
}
void operator delete(void* p) noexcept { release(p); }
void operator delete[](void* p) noexcept { release(p); }
void operator delete(void* p, size_t) noexcept { release(p); }
void operator delete[](void* p, size_t) noexcept { release(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { release(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, size_t, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { release(p); }
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { release(p); }
