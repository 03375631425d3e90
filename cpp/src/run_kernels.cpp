// Every kernel is compiled here, once.
#include "m4dl/mcmc/chain_block.hpp"

#include "m4dl/mcmc/hmc.hpp"
#include "m4dl/mcmc/infinity_mala.hpp"
#include "m4dl/mcmc/mala.hpp"
#include "m4dl/mcmc/pcn.hpp"
#include "m4dl/mcmc/ula.hpp"

namespace m4dl {

template std::unique_ptr<Run> make_run(std::shared_ptr<const Potential>, const Hmc&,
                                       std::shared_ptr<const Reference>, std::uint64_t,
                                       const Matrix&, int);
template std::unique_ptr<Run> make_run(std::shared_ptr<const Potential>, const InfinityMala&,
                                       std::shared_ptr<const Reference>, std::uint64_t,
                                       const Matrix&, int);
template std::unique_ptr<Run> make_run(std::shared_ptr<const Potential>, const Mala&,
                                       std::shared_ptr<const Reference>, std::uint64_t,
                                       const Matrix&, int);
template std::unique_ptr<Run> make_run(std::shared_ptr<const Potential>, const Pcn&,
                                       std::shared_ptr<const Reference>, std::uint64_t,
                                       const Matrix&, int);
template std::unique_ptr<Run> make_run(std::shared_ptr<const Potential>, const Ula&,
                                       std::shared_ptr<const Reference>, std::uint64_t,
                                       const Matrix&, int);

}  // namespace m4dl
