#include "m4dl/linalg/fft.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "m4dl/base/require.hpp"

namespace m4dl {
namespace {

// Large primes first, where there are no twiddles yet; then as many fours as there are.
std::vector<Index> radices(Index n) {
    std::vector<Index> out;
    Index twos = 0;
    for (; n % 2 == 0; n /= 2) ++twos;
    for (Index p = 3; p * p <= n; p += 2)
        for (; n % p == 0; n /= p) out.push_back(p);
    if (n > 1) out.push_back(n);
    std::sort(out.rbegin(), out.rend());
    if (twos % 2) out.push_back(2);
    out.insert(out.end(), static_cast<std::size_t>(twos / 2), 4);
    return out;
}

}  // namespace

std::array<double, 2> unit_root(Index j, Index n) {
    const long double angle = 2 * std::numbers::pi_v<long double> * (j % n) / n;
    return {static_cast<double>(std::cos(angle)), static_cast<double>(std::sin(angle))};
}

Fft::Fft(Index n) : size(n), largest(1), place(static_cast<std::size_t>(n)) {
    require(n >= 1, "a transform needs at least one point, got ", n);
    const auto add = [&](Index j, Index order, double sign) {
        const auto [c, s] = unit_root(j, order);
        tables.insert(tables.end(), {c, sign * s});
    };
    const auto end = [&] { return static_cast<Index>(tables.size()); };
    Index length = 1;
    for (const Index radix : radices(n)) {
        Pass pass{radix, length, end(), 0};
        for (Index q = 0; q < length; ++q)
            for (Index m = 1; m < radix; ++m) add(q * m, radix * length, -1.0);
        pass.roots = end();
        for (Index m = 0; m < radix; ++m) add(m, radix, 1.0);
        passes.push_back(pass);
        length *= radix;
        largest = std::max(largest, radix);
    }
    for (Index j = 0; j < n; ++j) {
        Index digits = j, at = 0, block = n;
        for (auto pass = passes.rbegin(); pass != passes.rend(); ++pass) {
            block /= pass->radix;
            at += digits % pass->radix * block;
            digits /= pass->radix;
        }
        place[static_cast<std::size_t>(j)] = at;
    }
}

double Fft::cost() const {
    double sum = 0.0;
    for (const Pass& pass : passes) {
        const auto p = static_cast<double>(pass.radix);
        sum += (pass.length > 1 ? 2.0 : 0.0) + (pass.radix % 2 ? (p - 1) * (p - 1) / (2 * p) : 0.0);
    }
    return sum;
}

}  // namespace m4dl
