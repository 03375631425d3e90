#include "m4dl/stats/order.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace m4dl {
namespace {

constexpr double kLast = 4294967295.0;  // place
constexpr std::size_t kFew = 64, kMany = std::size_t{1} << 32;
constexpr int kDigits = 4, kBits = 8, kBuckets = 1 << kBits;

bool less(const Draw& a, const Draw& b) { return a.value < b.value; }

}  // namespace

void Order::sort(std::vector<Draw>& draws) {
    const std::size_t n = draws.size();
    const auto compare = [&] { std::sort(draws.begin(), draws.end(), less); };
    if (n < kFew || n >= kMany) return compare();
    double least = draws[0].value, largest = least;
    for (const Draw& draw : draws) {
        least = std::min(least, draw.value);
        largest = std::max(largest, draw.value);
    }
    const double scale = kLast / (largest - least);
    if (!std::isnormal(scale)) return compare();
    placed_.resize(n);
    for (std::size_t k = 0; k < n; ++k) {
        const double place = std::min((draws[k].value - least) * scale, kLast);
        placed_[k] = {static_cast<std::uint32_t>(place), static_cast<std::uint32_t>(k)};
    }
    sort_places();
    before_.swap(draws);
    draws.resize(n);
    for (std::size_t k = 0; k < n; ++k) draws[k] = before_[placed_[k].index];
    std::size_t moves = 0;
    for (std::size_t k = 1; k < n; ++k) {
        const Draw draw = draws[k];
        std::size_t to = k;
        for (; to > 0 && draw.value < draws[to - 1].value; --to) draws[to] = draws[to - 1];
        draws[to] = draw;
        if ((moves += k - to) > 4 * n) return compare();
    }
}

void Order::sort_places() {
    std::array<std::array<std::uint32_t, kBuckets>, kDigits> counts{};
    for (const Placed& p : placed_)
        for (int d = 0; d < kDigits; ++d) ++counts[d][(p.place >> (kBits * d)) % kBuckets];
    other_.resize(placed_.size());
    for (int d = 0; d < kDigits; ++d) {
        std::uint32_t start = 0;
        for (std::uint32_t& count : counts[d]) start += std::exchange(count, start);
        for (const Placed& p : placed_)
            other_[counts[d][(p.place >> (kBits * d)) % kBuckets]++] = p;
        placed_.swap(other_);
    }
}

}  // namespace m4dl
