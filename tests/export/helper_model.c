/* SPDX-License-Identifier: Apache-2.0 */
#include "helper_model.h"

#include <criterion/criterion.h>

#include "numbers.h"

bp_settings make_settings(const char *hidden, const char *activation, const char *loss)
{
    bp_settings settings;

    bp_settings_init(&settings, sizeof settings);
    cr_assert_eq(bp_settings_set(&settings, "hidden", hidden, NULL), BP_OK);
    cr_assert_eq(bp_settings_set(&settings, "activation", activation, NULL), BP_OK);
    cr_assert_eq(bp_settings_set(&settings, "loss", loss, NULL), BP_OK);
    settings.given = 0;
    return settings;
}

bp_network *make_network(const char *activation)
{
    bp_settings settings = make_settings("33", activation, "cross_entropy");
    bp_network *network;
    float b[33];

    cr_assert_eq(bp_network_create(&settings, 3, 2, NULL, &network, NULL), BP_OK);
    for (uint32_t layer = 0; layer < 2; layer++) {
        scatter_f32(b, 33, layer + 5, 2);
        cr_assert_eq(bp_network_set(network, layer, NULL, b, NULL), BP_OK);
    }
    return network;
}

void save(const char *path, const bp_network *network, const bp_encoder *encoder, const bp_settings *settings)
{
    bp_error error;
    cr_assert_eq(bp_model_save(path, network, encoder, settings, &error), BP_OK, "%s", error.text);
}
