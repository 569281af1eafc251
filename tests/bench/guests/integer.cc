// An integer benchmark of our own, of the kinds of work that CoreMark made usual: a linked list
// that is searched, reversed and sorted; small matrices; a state machine over text; and a CRC over
// all results. Input: one word, the number of rounds (about 210,000 instructions each). Journal:
// the CRC.
#include <zk/io.h>

#include <array>
#include <cstdint>

namespace {

uint16_t crc16(uint32_t word, uint16_t crc) {
  for (int i = 0; i < 32; ++i) {
    const bool carry = ((word >> i) ^ crc) & 1;
    crc = static_cast<uint16_t>(crc >> 1);
    if (carry) crc ^= 0xa001;
  }
  return crc;
}

struct Node {
  Node* next;
  int16_t value;
  int16_t index;
};

constexpr int kNodes = 128;
std::array<Node, kNodes> pool;

Node* make_list(uint32_t seed) {
  Node* head = nullptr;
  for (int i = 0; i < kNodes; ++i) {
    seed = seed * 1664525 + 1013904223;
    pool[i] = {head, static_cast<int16_t>(seed >> 16), static_cast<int16_t>(i)};
    head = &pool[i];
  }
  return head;
}

Node* reverse(Node* list) {
  Node* result = nullptr;
  while (list != nullptr) {
    Node* next = list->next;
    list->next = result;
    result = list;
    list = next;
  }
  return result;
}

Node* merge(Node* a, Node* b) {
  Node* head = nullptr;
  Node** tail = &head;
  while (a != nullptr && b != nullptr) {
    Node*& least = a->value <= b->value ? a : b;
    *tail = least;
    tail = &least->next;
    least = least->next;
  }
  *tail = a != nullptr ? a : b;
  return head;
}

Node* sort(Node* list) {
  if (list == nullptr || list->next == nullptr) return list;
  Node* slow = list;
  for (Node* fast = list->next; fast != nullptr && fast->next != nullptr; fast = fast->next->next) {
    slow = slow->next;
  }
  Node* half = slow->next;
  slow->next = nullptr;
  return merge(sort(list), sort(half));
}

uint16_t list_work(uint32_t seed, uint16_t crc) {
  Node* list = make_list(seed);
  for (int wanted = 0; wanted < kNodes; wanted += 5) {
    const Node* found = list;
    while (found != nullptr && found->index != wanted) found = found->next;
    crc = crc16(found != nullptr ? static_cast<uint16_t>(found->value) : 0, crc);
    list = reverse(list);
  }
  list = sort(list);
  for (const Node* node = list; node != nullptr; node = node->next) {
    crc = crc16(static_cast<uint32_t>(node->value), crc);
  }
  return crc;
}

constexpr int kSize = 12;
using Matrix = std::array<std::array<int16_t, kSize>, kSize>;
Matrix left, right;
std::array<std::array<int32_t, kSize>, kSize> product;

uint16_t matrix_work(uint32_t seed, uint16_t crc) {
  for (int i = 0; i < kSize; ++i) {
    for (int j = 0; j < kSize; ++j) {
      seed = seed * 1664525 + 1013904223;
      left[i][j] = static_cast<int16_t>(seed >> 20);
      right[i][j] = static_cast<int16_t>(seed >> 8 & 0xfff);
    }
  }
  for (int i = 0; i < kSize; ++i) {
    for (int j = 0; j < kSize; ++j) {
      int32_t sum = 0;
      for (int k = 0; k < kSize; ++k) sum += left[i][k] * right[k][j];
      product[i][j] = sum;
    }
  }
  uint32_t folded = 0;
  for (const auto& row : product) {
    for (const int32_t v : row) folded = folded * 31 + static_cast<uint32_t>(v >> 3) % 1021;
  }
  return crc16(folded, crc);
}

enum class State : uint8_t { kStart, kSign, kInteger, kPoint, kFraction, kExponent, kInvalid };

State next_state(State state, char c) {
  const bool digit = c >= '0' && c <= '9';
  switch (state) {
    case State::kStart:
      return digit ? State::kInteger : c == '-' || c == '+' ? State::kSign : State::kInvalid;
    case State::kSign:
      return digit ? State::kInteger : State::kInvalid;
    case State::kInteger:
      return digit      ? state
             : c == '.' ? State::kPoint
             : c == 'e' ? State::kExponent
                        : State::kInvalid;
    case State::kPoint:
      return digit ? State::kFraction : State::kInvalid;
    case State::kFraction:
      return digit ? state : c == 'e' ? State::kExponent : State::kInvalid;
    case State::kExponent:
      return digit ? state : State::kInvalid;
    default:
      return State::kInvalid;
  }
}

uint16_t text_work(uint32_t seed, uint16_t crc) {
  constexpr std::array<const char*, 6> kWords = {"5012",   "-874.25", "+1e7",
                                                 "12.5e3", "T0.3",    "-.5"};
  std::array<uint32_t, 7> seen{};
  for (int i = 0; i < 96; ++i) {
    seed = seed * 1664525 + 1013904223;
    State state = State::kStart;
    for (const char* c = kWords[(seed >> 16) % kWords.size()]; *c != 0; ++c) {
      state = next_state(state, *c);
    }
    ++seen[static_cast<int>(state)];
  }
  for (const uint32_t count : seen) crc = crc16(count, crc);
  return crc;
}

}  // namespace

int main() {
  const auto rounds = zk::read<uint32_t>();
  uint16_t crc = 0xffff;
  for (uint32_t round = 0; round < rounds; ++round) {
    crc = list_work(round, crc);
    crc = matrix_work(round, crc);
    crc = text_work(round, crc);
  }
  zk::commit<uint32_t>(crc);
}
