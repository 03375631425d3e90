// The Euler step of the Langevin diffusion that leaves exp(-Phi(xi) - |xi|^2/2) invariant:
//
//     xi' = xi - h (xi + grad Phi(xi)) + sqrt(2 h) w.
//
// On the white noise of a reference N(m, C) it is the step with metric C:
// xi' = xi - h C (xi + grad Phi(xi)) + sqrt(2 h) C^{1/2} w.
#pragma once

#include "m4dl/mcmc/concept.hpp"

namespace m4dl {

inline void langevin_proposal(ChainState& s, const Random& random, std::uint64_t step,
                              const Lanes& h) {
    random.normals(Stream::kProposal, step, s.noise);
    const Lanes spread = (2.0 * h).sqrt();
    for_rows(s.xi.rows(), [&](Index k) {
        s.proposal.row(k) =
            s.xi.row(k) - h * (s.xi.row(k) + s.gradient.row(k)) + spread * s.noise.row(k);
    });
}

}  // namespace m4dl
