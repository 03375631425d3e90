#include "m4dl/mcmc/ula.hpp"

#include "m4dl/mcmc/chain_block.hpp"

namespace m4dl {

template std::unique_ptr<Run> make_run(std::shared_ptr<const Potential>, const Ula&,
                                       std::shared_ptr<const Reference>, std::uint64_t,
                                       const Matrix&, int);

}  // namespace m4dl
