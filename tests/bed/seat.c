// SPDX-License-Identifier: BSD-2-Clause
// The seat of the oracle's second fief (oracle.h): taken, left, and the end of the fief.
#include <string.h>

#include "abi/fief_op.h"
#include "core/fief_life.h"
#include "tests/bed/oracle.h"
#include "tests/bed/tools.h"

#define BUDGET 1400u // frames of the second fief, beside what its manager had before

bool seat_take(struct world *w, uint16_t domid)
{
    const struct fief_config c = {.name = "second", .frames = BUDGET, .rights = FIEF_MAY_ALL,
                                  .limit = {8, 32, 16384, 1u << 20},
                                  .neighbour = {1000, 1000}};
    struct domain *d = fief_find(fief_root, domid);

    if (w->fief != NULL) {
        return fief_seat(w->fief, d) == 0;
    }
    if (fief_create(fief_root, d, &c, &w->fief) != 0) {
        return false;
    }
    while (fief_move(w->fief)) {
    }
    return true;
}

void seat_taken(struct world *w)
{
    model_seated(&w->model, w->model.fief ? 0 : BUDGET);
}

static void require(struct world *w, bool holds, const char *what)
{
    if (!holds && w->model.wrong == NULL) {
        w->model.wrong = what;
    }
}

static void destroy_manager(struct world *w, enum fief_on_death on_death)
{
    require(w, fief_set_rights(w->fief, FIEF_MAY_ALL, on_death) == 0,
            "what a manager's death means cannot be set");
    require(w, tools_destroy(w->model.domain[MODEL_MANAGER].domid) == 0,
            "the manager of the second fief cannot be destroyed");
}

static void revoke(struct world *w)
{
    const struct fief_grant g = {.identity = w->fief->identity};

    memcpy(bed_page(0), &g, sizeof(g));
    require(w, bed_call(FIEF_OP_HYPERCALL, FIEF_OP_revoke, bed_address(0), 0, 0, 0) == 0,
            "the second fief cannot be revoked");
}

void seat_end(struct world *w, enum fief_on_death on_death)
{
    struct model *m = &w->model;
    bool managed = m->domain[MODEL_MANAGER].life == LIFE_LIVES;
    bool stays = managed && on_death == FIEF_STAYS;

    // What the test itself took of the fief's, nobody can end.
    if (!m->fief || (m->hogged[1] != 0 && !stays)) {
        return;
    }
    if (stays) {
        model_end_begins(m, MODEL_MANAGER);
        model_seat_left(m);
        destroy_manager(w, on_death);
        require(w, fief_manager(w->fief) == NULL, "the seat is not empty when its manager is gone");
        return;
    }
    uint64_t identity = w->fief->identity;

    model_fief_ends(m);
    if (managed) {
        destroy_manager(w, on_death);
    } else {
        revoke(w);
    }
    require(w, fief_child(fief_root, identity) == NULL, "a fief is there after its end");
    model_fief_gone(m);
    w->fief = NULL;
}
