// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC'11). A draw is a pure
// function of (seed, chain, stream, step, component), so a chain never depends on its neighbours,
// its thread, or how far its run was cut into pieces, and a checkpoint needs no generator state.
#pragma once

#include <array>
#include <cstdint>

#include "m4dl/base/block.hpp"

namespace m4dl {

// One Philox4x32-10 block of 128 random bits.
constexpr std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                                  std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
        const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
        counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0],
                   static_cast<std::uint32_t>(b),
                   static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1],
                   static_cast<std::uint32_t>(a)};
        key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
    }
    return counter;
}

// What a stream of random numbers is for; streams never overlap.
enum class Stream : std::uint32_t {
    kStart = 1,
    kProposal = 2,
    kAccept = 3,
    kPrior = 4,
    kTrajectory = 5,
    kDelayed = 6
};

// The random numbers of one block of chains: lane l belongs to chain `first_chain + l`.
class Random {
public:
    Random(std::uint64_t seed, Index first_chain) : seed_(seed), first_chain_(first_chain) {}

    // Standard normals by the transform of Box and Muller, two from each 64 random bits.
    // `out` receives rows first, first + 1, ... of the step's field; `first` is a multiple of 4.
    void normals(Stream stream, std::uint64_t step, Eigen::Ref<Block> out, Index first = 0) const;
    // Uniforms on (0, 1).
    Lanes uniforms(Stream stream, std::uint64_t step) const;
    // One uniform for all chains of the seed.
    double shared_uniform(Stream stream, std::uint64_t step) const;

private:
    std::uint64_t seed_;
    Index first_chain_;
};

}  // namespace m4dl
