// One thing that guests do not have, by macro.
#if defined(USE_THREADS)
#include <thread>
int main() { std::thread([] {}).join(); }
#elif defined(USE_MUTEXES)
#include <mutex>
std::mutex g_mutex;
int main() { std::lock_guard lock(g_mutex); }
#elif defined(USE_ASYNC)
#include <future>
int main() { return std::async([] { return 0; }).get(); }
#elif defined(USE_FILES)
#include <cstdio>
int main() { return std::fopen("file", "r") == nullptr; }
#elif defined(USE_STREAMS_TO_FILES)
#include <fstream>
int main() { return std::ifstream("file").get(); }
#elif defined(USE_EXCEPTIONS)
int main() { throw 1; }
#elif defined(USE_CLOCKS)
#include <chrono>
int main() { return std::chrono::steady_clock::now().time_since_epoch().count() == 0; }
#endif
