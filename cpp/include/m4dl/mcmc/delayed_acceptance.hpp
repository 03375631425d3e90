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
#include "m4dl/mcmc/tuning.hpp"

namespace m4dl {

template <Kernel Inner>
struct DelayedAcceptance {
    std::shared_ptr<const Potential> coarse;
    Inner inner;
    Index steps;

    using Tuning = PerChain;  // of the coarse steps
    static constexpr bool kGradient = false;
    double first_step_size() const { return inner.first_step_size(); }
    double largest_step_size() const { return inner.largest_step_size(); }
    double target_acceptance() const { return inner.target_acceptance(); }

    struct State : ChainState {
        typename StateOf<Inner>::Type walker;  // of the coarse chain
        std::shared_ptr<const Potential> coarse;
        Chains chains;
        Seen density;  // the coarse one
        Lanes coarse_phi = Lanes::Zero();
        Block coarse_gradient;                  // at xi; empty if the inner kernel has none
        Block y;                                // of the fine model at xi
        Lanes coarse_accepted = Lanes::Zero();  // mean acceptance of each step's, summed
        Lanes coarse_failures = Lanes::Zero();  // coarse solves that failed
        Index coarse_evaluations = 0;

        State(const DelayedAcceptance& kernel, const Place& place)
            : ChainState(kernel, place),
              walker(kernel.inner, place),
              coarse(kernel.coarse),
              chains(place.chains),
              density(coarse->work(chains), place.reference),
              coarse_gradient(zeros(Inner::kGradient ? place.white : 0)),
              y(zeros(place.outputs)) {}

        void evaluate(Density& fine) {
            phi = fine.phi(xi);
            y = fine.here().y;
            evaluate_coarse();
        }
        void evaluate_coarse() {
            if constexpr (Inner::kGradient)
                coarse_phi = density->phi(xi, coarse_gradient);
            else
                coarse_phi = density->phi(xi);
        }
        void refer(const std::shared_ptr<const Reference>& reference) { density.refer(reference); }
        const Block& predictions(Density&) { return y; }
        Block discrepancy() { return y - density->predict(xi); }
        void correct(const ErrorModel& error) {
            density.replace(coarse->corrected(error).work(chains));
            evaluate_coarse();
        }
        void visit(StateVisitor& v) {
            ChainState::visit(v);
            v.field("coarse_phi", coarse_phi);
            if (Inner::kGradient) v.field("coarse_gradient", coarse_gradient);
            v.field("predictions", y);
            v.field("coarse_accepted", coarse_accepted);
            v.field("coarse_failures", coarse_failures);
            v.count("coarse", 0, coarse_evaluations);
        }
        void report(const Tell& tell) const {
            const double solves = Inner::kGradient ? 2.0 : 1.0;
            tell("coarse_accepted", coarse_accepted);
            tell("coarse_failures", coarse_failures);
            tell("coarse_solves",
                 Lanes::Constant(solves * static_cast<double>(coarse_evaluations)));
        }
        void start(const Tell& tell) const {
            ChainState::start(tell);
            tell("coarse potential", coarse_phi);
        }
    };

    StepResult step(State& s, Density& fine, const Random& random, std::uint64_t step,
                    const Lanes& step_size) const {
        auto& w = s.walker;
        const auto setting = Inner::Tuning::fixed(inner, step_size);
        copy(s.xi, w.xi);
        w.phi = s.coarse_phi;
        if constexpr (Inner::kGradient) copy(s.coarse_gradient, w.gradient);
        Lanes probability = Lanes::Zero(), failed = Lanes::Zero(), diverged = Lanes::Zero();
        for (Index k = 0; k < steps; ++k) {
            const StepResult inner_step = inner.step(
                w, *s.density, random,
                step * static_cast<std::uint64_t>(steps) + static_cast<std::uint64_t>(k), setting);
            probability += inner_step.probability;
            failed += inner_step.failed;
            diverged += inner_step.diverged;
            s.coarse_evaluations += inner_step.evaluations;
        }
        const double count = static_cast<double>(steps);
        const Lanes mean = probability / count;
        s.coarse_accepted += mean;
        s.coarse_failures += failed;

        const Lanes phi = fine.phi(w.xi);
        // in this order it is exactly 0 if the two posteriors are one
        const Lanes log_ratio = (s.phi - phi) - (s.coarse_phi - w.phi);
        Decision d = decide(phi, log_ratio, random.uniforms(Stream::kDelayed, step));
        accept_lanes(d.accept, w.xi, s.xi);
        if constexpr (Inner::kGradient) accept_lanes(d.accept, w.gradient, s.coarse_gradient);
        accept_lanes(d.accept, fine.here().y, s.y);
        s.phi = d.accept.select(phi, s.phi);
        s.coarse_phi = d.accept.select(w.phi, s.coarse_phi);
        // a step that had no coarse solve to move by is as lost as one whose fine solve failed
        const Eigen::Array<bool, 1, kLanes> stuck = failed >= count;
        d.result.failed = stuck.select(Lanes::Constant(1.0), d.result.failed);
        d.result.probability = stuck.select(Lanes::Zero(), d.result.probability);
        d.result.tuned_by = mean;
        d.result.diverged = diverged.min(1.0);  // of a coarse step, on the way
        return d.result;
    }

private:
    static void copy(const Block& from, Block& to) {
        for_rows(from.rows(), [&](Index k) { to.row(k) = from.row(k); });
    }
};

}  // namespace m4dl
