// Delayed acceptance is compiled here, once for each inner kernel.
#include "m4dl/mcmc/delayed_acceptance.hpp"

#include "m4dl/mcmc/chain_block.hpp"
#include "m4dl/mcmc/hmc.hpp"
#include "m4dl/mcmc/infinity_mala.hpp"
#include "m4dl/mcmc/mala.hpp"
#include "m4dl/mcmc/pcn.hpp"

namespace m4dl {

template std::unique_ptr<Run> make_run(std::shared_ptr<const Potential>,
                                       const DelayedAcceptance<Hmc>&,
                                       std::shared_ptr<const Reference>, std::uint64_t,
                                       const Matrix&, int);
template std::unique_ptr<Run> make_run(std::shared_ptr<const Potential>,
                                       const DelayedAcceptance<InfinityMala>&,
                                       std::shared_ptr<const Reference>, std::uint64_t,
                                       const Matrix&, int);
template std::unique_ptr<Run> make_run(std::shared_ptr<const Potential>,
                                       const DelayedAcceptance<Mala>&,
                                       std::shared_ptr<const Reference>, std::uint64_t,
                                       const Matrix&, int);
template std::unique_ptr<Run> make_run(std::shared_ptr<const Potential>,
                                       const DelayedAcceptance<Pcn>&,
                                       std::shared_ptr<const Reference>, std::uint64_t,
                                       const Matrix&, int);

}  // namespace m4dl
