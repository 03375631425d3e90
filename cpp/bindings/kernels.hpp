// Kernels as values.
#pragma once

#include <variant>

#include "m4dl/bayes/potential.hpp"
#include "m4dl/mcmc/hmc.hpp"
#include "m4dl/mcmc/infinity_mala.hpp"
#include "m4dl/mcmc/mala.hpp"
#include "m4dl/mcmc/pcn.hpp"
#include "m4dl/mcmc/ula.hpp"

namespace m4dl::bind {

using Inner = std::variant<Pcn, Mala, InfinityMala, Hmc>;

struct Delayed {
    std::shared_ptr<const Potential> coarse;
    Inner kernel;
    Index steps;
};

using AnyKernel = std::variant<Pcn, Mala, InfinityMala, Ula, Hmc, Delayed>;

}  // namespace m4dl::bind
