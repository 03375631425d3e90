// Philox4x32-10 against the known answers published with Random123, and the normals against the
// same transform by the C library.
#include <cmath>
#include <numbers>

#include "check.hpp"
#include "m4dl/base/philox.hpp"

using namespace m4dl;
using Words = std::array<std::uint32_t, 4>;

int main() {
    static_assert(philox4x32({0, 0, 0, 0}, {0, 0}) ==
                  Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    const std::uint32_t f = 0xffffffff;
    CHECK((philox4x32({f, f, f, f}, {f, f}) ==
           Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    CHECK((philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
           Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));

    // 11 rows: the last Philox block is used in part. Chains 3..10, a step beyond 2^32.
    const std::uint64_t seed = 0x123456789abcdef0, step = (std::uint64_t{5} << 32) + 7;
    Block z = Block::Zero(11, kLanes);
    Random(seed, 3).normals(Stream::kProposal, step, z);
    double worst = 0;
    for (Index row = 0; row < 11; row += 2)
        for (Index lane = 0; lane < kLanes; ++lane) {
            const Words w = philox4x32({static_cast<std::uint32_t>(row / 4), 7, (5u << 8) | 2u,
                                        static_cast<std::uint32_t>(3 + lane)},
                                       {0x9abcdef0, 0x12345678});
            const auto high = static_cast<std::uint64_t>(w[row % 4]);
            const std::uint64_t bits = (high << 32) | w[row % 4 + 1];
            const double u = (static_cast<double>(bits >> 24) + 0.5) * 0x1p-40;
            const double v = (static_cast<double>(bits & 0xffffff) + 0.5) * 0x1p-24;
            const double r = std::sqrt(-2 * std::log(u)),
                         phase = 2 * std::numbers::pi * v - std::numbers::pi / 4;
            worst = std::max(worst, std::abs(z(row, lane) - r * std::cos(phase)));
            if (row + 1 < 11)
                worst = std::max(worst, std::abs(z(row + 1, lane) - r * std::sin(phase)));
        }
    // Truncated series: 5e-13 in the logarithm, 4e-13 in the cosine times a radius below 7.5.
    CHECK(worst < 5e-12);

    const Lanes u = Random(seed, 3).uniforms(Stream::kAccept, step);
    CHECK((u > 0).all() && (u < 1).all());
    return 0;
}
