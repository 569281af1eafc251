// One thing that guests do not have, by macro.
#if defined(USE_THREADS)
#include <thread>
int main() {
  std::thread([] {}).join();
}
#elif defined(USE_MUTEXES)
#include <mutex>
std::mutex g_mutex;
int main() { std::lock_guard lock(g_mutex); }
#elif defined(USE_ASYNC)
#include <future>
int main() {
  return std::async([] { return 0; }).get();
}
#elif defined(USE_FILES)
#include <cstdio>
int main() { return std::fopen("file", "r") == nullptr; }
#elif defined(USE_STREAMS_TO_FILES)
#include <fstream>
int main() { return std::ifstream("file").get(); }
#elif defined(USE_EXCEPTIONS)
int main() { throw 1; }
#elif defined(USE_LAYERS)
// What layers cannot compute, each in one layer or call.
#include <zk/nn.h>

#include <limits>
using namespace zk::nn;
constexpr Conv2dParams<int8_t, 1, 1, 3, 3> kSmall{{}, {}, {1}, {1, 0}, {1, 0}};
constexpr DenseParams<int8_t, 1, 4> kZeroPoint{{}, {}, {1}, {1, 128}, {1, 0}};
constexpr DenseParams<uint8_t, 1, 4> kNan{
    {}, {}, {std::numeric_limits<float>::quiet_NaN()}, {1, 0}, {1, 0}};
constexpr DenseParams<int8_t, 1, 4> kUnderflow{{}, {}, {1e-30f}, {1e-10f, 0}, {1, 0}};
constexpr AveragePoolParams kPool{{1, 0}, {0, 0}};
Tensor<int8_t, 1, 3, 3> image;
Tensor<int8_t, 4> signed_vector;
Tensor<uint8_t, 4> vector;
int main() {
  return conv2d_max_pool<kSmall>(image).kSize + dense<kZeroPoint>(signed_vector).data[0] +
         dense<kNan>(vector).data[0] + dense<kUnderflow>(signed_vector).data[0] +
         average_pool<3, kPool>(image).kSize + relu(signed_vector, 128).data[0];
}
#elif defined(USE_CLOCKS)
#include <chrono>
int main() { return std::chrono::steady_clock::now().time_since_epoch().count() == 0; }
#endif
