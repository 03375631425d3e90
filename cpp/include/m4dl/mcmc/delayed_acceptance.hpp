// Delayed acceptance (Christen, Fox, J. Comput. Graph. Statist. 2005), with a chain of several steps on
// the coarse posterior between two of the fine one (Lykkegaard, Dodwell, Fox, Mingas, Scheichl,
// SIAM/ASA J. Uncertain. Quantif. 2023; Liu 2001, sec. 9.4.3, "surrogate transitions"). The inner kernel
// is reversible for pi_c, so n of its steps are, and
//
//     alpha = min(1, pi_f(x') pi_c(x) / (pi_f(x) pi_c(x')))
//
// makes a chain reversible for pi_f where the coarse model has a value, whatever pi_c is. Both are seen
// in the same white noise, where the ratio is that of exp(Phi_c - Phi_f). The fine posterior needs no
// gradient.
#pragma once

#include "m4dl/bayes/potential.hpp"
#include "m4dl/bayes/referred.hpp"
#include "m4dl/mcmc/concept.hpp"

namespace m4dl {

template <Kernel Inner>
struct DelayedAcceptance {
    std::shared_ptr<const Potential> coarse;
    Inner inner;
    Index steps;

    static constexpr bool kGradient = false;
    static constexpr bool kCoarseGradient = Inner::kGradient;
    double first_step_size() const { return inner.first_step_size(); }
    double largest_step_size() const { return inner.largest_step_size(); }
    double target_acceptance() const { return inner.target_acceptance(); }

    struct State : ChainState {
        ChainState walker;  // of the coarse chain
        Seen density;       // the coarse one
        Lanes coarse_phi = Lanes::Zero();
        Block coarse_gradient;                  // at xi; empty if the inner kernel has none
        Block predictions;                      // of the fine model at xi
        Lanes tuned_by = Lanes::Zero();         // mean acceptance of the inner steps
        Lanes coarse_accepted = Lanes::Zero();  // its sum over the steps
        Lanes coarse_failures = Lanes::Zero();  // coarse solves that failed
        Index coarse_evaluations = 0;

        State(const DelayedAcceptance& kernel, Index outputs, Chains chains,
              std::shared_ptr<const Reference> reference)
            : ChainState(kernel.coarse->white(), false),
              walker(kernel.coarse->white(), Inner::kGradient),
              density(kernel.coarse->work(chains), std::move(reference)),
              predictions(zeros(outputs)) {
            if constexpr (Inner::kGradient) coarse_gradient = zeros(kernel.coarse->white());
            if constexpr (requires { kernel.inner.first_trajectory(); })
                walker.trajectory = kernel.inner.first_trajectory();
        }

        void evaluate(Density& fine) {
            phi = fine.phi(xi);
            predictions = fine.here().y;
            evaluate_coarse();
        }
        void evaluate_coarse() {
            if constexpr (Inner::kGradient)
                coarse_phi = density->phi(xi, coarse_gradient);
            else
                coarse_phi = density->phi(xi);
        }
        template <class S, class Visit>
        static void visit(S& s, Visit&& field) {
            field("coarse_phi", s.coarse_phi);
            if constexpr (Inner::kGradient) field("coarse_gradient", s.coarse_gradient);
            field("predictions", s.predictions);
            field("coarse_accepted", s.coarse_accepted);
            field("coarse_failures", s.coarse_failures);
        }
    };

    StepResult step(State& s, Density& fine, const Random& random, std::uint64_t step,
                    const Lanes& step_size) const {
        ChainState& w = s.walker;
        copy(s.xi, w.xi);
        w.phi = s.coarse_phi;
        if constexpr (Inner::kGradient) copy(s.coarse_gradient, w.gradient);
        Lanes probability = Lanes::Zero(), failed = Lanes::Zero(), diverged = Lanes::Zero();
        for (Index k = 0; k < steps; ++k) {
            const StepResult inner_step =
                inner.step(w, *s.density, random,
                           step * static_cast<std::uint64_t>(steps) + static_cast<std::uint64_t>(k),
                           step_size);
            probability += inner_step.probability;
            failed += inner_step.failed;
            diverged += inner_step.diverged;
            s.coarse_evaluations += inner_step.evaluations;
        }
        const double count = static_cast<double>(steps);
        s.tuned_by = probability / count;
        s.coarse_accepted += s.tuned_by;
        s.coarse_failures += failed;

        const Lanes phi = fine.phi(w.xi);
        // in this order it is exactly 0 if the two posteriors are one
        const Lanes log_ratio = (s.phi - phi) - (s.coarse_phi - w.phi);
        Decision d = decide(phi, log_ratio, random.uniforms(Stream::kDelayed, step));
        accept_lanes(d.accept, w.xi, s.xi);
        if constexpr (Inner::kGradient) accept_lanes(d.accept, w.gradient, s.coarse_gradient);
        accept_lanes(d.accept, fine.here().y, s.predictions);
        s.phi = d.accept.select(phi, s.phi);
        s.coarse_phi = d.accept.select(w.phi, s.coarse_phi);
        // a step that had no coarse solve to move by is as lost as one whose fine solve failed
        const Eigen::Array<bool, 1, kLanes> stuck = failed >= count;
        d.result.failed = stuck.select(Lanes::Constant(1.0), d.result.failed);
        d.result.probability = stuck.select(Lanes::Zero(), d.result.probability);
        d.result.diverged = diverged.min(1.0);  // of a coarse step, on the way
        return d.result;
    }

private:
    static void copy(const Block& from, Block& to) {
        for_rows(from.rows(), [&](Index k) { to.row(k) = from.row(k); });
    }
};

}  // namespace m4dl
