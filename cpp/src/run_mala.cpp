#include "m4dl/mcmc/mala.hpp"

#include "m4dl/mcmc/chain_block.hpp"
#include "m4dl/mcmc/delayed_acceptance.hpp"

namespace m4dl {

template std::unique_ptr<Run> make_run(std::shared_ptr<const Potential>, const Mala&,
                                       std::shared_ptr<const Reference>, std::uint64_t,
                                       const Matrix&, int);
template std::unique_ptr<Run> make_run(std::shared_ptr<const Potential>,
                                       const DelayedAcceptance<Mala>&,
                                       std::shared_ptr<const Reference>, std::uint64_t,
                                       const Matrix&, int);

}  // namespace m4dl
