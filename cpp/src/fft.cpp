#include "m4dl/linalg/fft.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

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

std::shared_ptr<const Rader> make_rader(Index p) {
    Rader rader{Fft(p - 1, false), {}, {}};
    for (Index g = 2; static_cast<Index>(rader.power.size()) < p - 1; ++g) {
        rader.power.assign(1, 1);
        for (Index x = g; x != 1; x = x * g % p) rader.power.push_back(x);
    }
    // The same transform in all lanes.
    Block buffer = Block::Zero(rader.fft.buffer_rows(), kLanes);
    for (Index m = 0; m < p - 1; ++m) {
        const auto [c, s] = unit_root(rader.power[m == 0 ? 0 : p - 1 - m], p);
        buffer.row(2 * rader.fft.place[m]) = c / static_cast<double>(p - 1);
        buffer.row(2 * rader.fft.place[m] + 1) = -s / static_cast<double>(p - 1);
    }
    fft::transform<1, false>(rader.fft, buffer.data());
    for (Index k = 0; k < 2 * (p - 1); ++k) rader.spectrum.push_back(buffer(k, 0));
    return std::make_shared<const Rader>(std::move(rader));
}

// Multiplications per row of the pass of a radix without twiddles.
double butterfly_cost(Index radix) {
    const auto p = static_cast<double>(radix);
    return radix % 2 ? (p - 1) * (p - 1) / (2 * p) : 0.0;
}
double cost(const Rader& rader) { return 2.0 * rader.fft.cost() + 6.0; }

}  // namespace

std::array<double, 2> unit_root(Index j, Index n) {
    const long double angle = 2 * std::numbers::pi_v<long double> * (j % n) / n;
    return {static_cast<double>(std::cos(angle)), static_cast<double>(std::sin(angle))};
}

Fft::Fft(Index n, bool with_rader) : size(n), scratch(0), place(static_cast<std::size_t>(n)) {
    const auto add = [&](Index j, Index order, double sign) {
        const auto [c, s] = unit_root(j, order);
        tables.insert(tables.end(), {c, sign * s});
    };
    const auto end = [&] { return static_cast<Index>(tables.size()); };
    Index length = 1;
    for (const Index radix : radices(n)) {
        Pass pass{radix, length, end(), 0, nullptr};
        for (Index q = 0; q < length; ++q)
            for (Index m = 1; m < radix; ++m) add(q * m, radix * length, -1.0);
        pass.roots = end();
        for (Index m = 0; m < radix; ++m) add(m, radix, 1.0);
        if (radix > 5) scratch = std::max(scratch, 2 * radix);
        if (with_rader && radix > 16) {
            const auto rader = make_rader(radix);
            if (m4dl::cost(*rader) < butterfly_cost(radix)) {
                scratch = std::max(scratch, 2 * rader->fft.buffer_rows());
                pass.rader = rader;
            }
        }
        passes.push_back(pass);
        length *= radix;
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
    for (const Pass& pass : passes)
        sum += (pass.length > 1 ? 2.0 : 0.0) +
               (pass.rader ? m4dl::cost(*pass.rader) : butterfly_cost(pass.radix));
    return sum;
}

}  // namespace m4dl
